internal import Glibc
public import SystemCalls
public import SystemPackage

/// A file of a record in a log directory that answers for sure.
public enum RecordFile {
  /// Creates one, with O_EXCL.
  ///
  /// - Parameter taking: whoever has that name loses it. A run that writes its own again in the same moment
  ///   does so no more than once or twice.
  public static func create(
    _ path: FilePath, taking: Bool
  ) throws(Errno) -> (FileDescriptor, FileIdentity) {
    var triesLeft = taking ? 3 : 0
    while true {
      let file: FileDescriptor
      do throws(Errno) {
        file = try FileCalls.open(path, .readWrite, [.create, .exclusiveCreate, .noFollow])
      } catch {
        guard error == .fileExists, triesLeft > 0 else { throw error }
        triesLeft -= 1
        try? FileCalls.unlink(path)
        continue
      }
      do throws(Errno) { return (file, try FileCalls.status(file)) } catch {
        file.closeQuietly()
        throw error
      }
    }
  }

  /// Removes the file that a note tells of, if it is still where the note says.
  ///
  /// - Parameters:
  ///   - path: its own name; it may be beside that.
  ///   - label: of the run.
  public static func remove(_ path: FilePath, _ note: TargetNote, label: String) throws(IOFailure) {
    let names = TargetNames(path: path, label: label)
    var attempts = DeliveryAttempts(mayMakeDirectory: false)
    while let failure = removalFailure(note, names) {
      if attempts.failed(failure.errno) == .giveUp { throw failure }
    }
  }

  /// One attempt. Nil: it is gone, or is not ours.
  private static func removalFailure(_ note: TargetNote, _ names: TargetNames) -> IOFailure? {
    var removal = FileRemoval(note)
    var action = removal.begin()
    while true {
      switch action {
      case .finished: return nil
      case .failed(let operation, let error):
        return IOFailure(operation, names.path(.place(note.name)), error)
      default: action = removal.step(perform(action, names))
      }
    }
  }

  private static func perform(_ action: FileRemoval.Action, _ names: TargetNames) -> FileRemoval.Event {
    do throws(Errno) {
      switch action {
      case .look(let name): return .found(try FileCalls.status(names.path(name)))
      case .giveName(let from, let to): try FileCalls.renameNew(names.path(from), names.path(to))
      case .remove(let name): try FileCalls.unlink(names.path(name))
      case .finished, .failed: break
      }
      return .done
    } catch {
      if case .look = action, error == .noSuchFileOrDirectory { return .absent }
      return .failed(error)
    }
  }
}
