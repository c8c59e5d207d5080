internal import Glibc
public import SystemCalls
public import SystemPackage

/// Creates and removes record files in a log directory. The calls block until its file system answers.
public enum RecordFile {
  /// Creates a file with O_EXCL that other processes can identify later, even after its content changes.
  ///
  /// - Parameter taking: remove a file that has the name. At most three times, because another run may create its
  ///   file again in the same moment.
  /// - Throws: ENOTSUP if the file system reports neither file handles nor birth times. Then no file is left.
  public static func create(
    _ path: FilePath, taking: Bool
  ) throws(Errno) -> (FileDescriptor, FileIdentity) {
    // The directory tells the same as a file in it. A file that was made only to find out may be impossible to remove.
    guard try FileCalls.directoryStatus(of: path).isCertain else { throw .notSupported }
    let file = try newFile(path, taking: taking)
    do throws(Errno) {
      let identity = try FileCalls.status(file)
      if identity.isCertain { return (file, identity) }
      try FileCalls.unlink(path)
      throw .notSupported
    } catch {
      file.closeQuietly()
      throw error
    }
  }

  private static func newFile(_ path: FilePath, taking: Bool) throws(Errno) -> FileDescriptor {
    var triesLeft = taking ? 3 : 0
    while true {
      do throws(Errno) {
        return try FileCalls.open(path, .readWrite, [.create, .exclusiveCreate, .noFollow])
      } catch {
        guard error == .fileExists, triesLeft > 0 else { throw error }
        triesLeft -= 1
        try? FileCalls.unlink(path)
      }
    }
  }

  /// Removes the noted files, if they are still the same files, and what failed calls have left beside them.
  ///
  /// - Parameters:
  ///   - path: the file's own path. A noted file may be beside it.
  ///   - runID: the run that created the files.
  public static func remove(_ path: FilePath, _ notes: [TargetNote], runID: String) throws(IOFailure) {
    var attempts = DeliveryAttempts(mayMakeDirectory: false)
    while true {
      do throws(IOFailure) {
        return try removeOnce(path, notes, keepsFile: false, runID: runID)
      } catch {
        if attempts.failed(error.errno) == .giveUp { throw error }
      }
    }
  }

  /// Removes only what failed calls have left beside the file. Tries once.
  static func clean(_ path: FilePath, _ notes: [TargetNote], runID: String) throws(IOFailure) {
    try removeOnce(path, notes, keepsFile: true, runID: runID)
  }

  private static func removeOnce(
    _ path: FilePath, _ notes: [TargetNote], keepsFile: Bool, runID: String
  ) throws(IOFailure) {
    let names = TargetNames(path: path, runID: runID)
    var removal = FileRemoval(notes, keepsFile: keepsFile, owner: geteuid())
    var action = removal.begin()
    while true {
      switch action {
      case .finished: return
      case .failed(let operation, let error):
        throw IOFailure(operation, names.path(.place(0)), error)
      default: action = removal.step(perform(action, names))
      }
    }
  }

  private static func perform(_ action: FileRemoval.Action, _ names: TargetNames) -> FileRemoval.Event {
    do throws(Errno) {
      switch action {
      case .look(let name): return .found(try FileCalls.status(names.path(name)))
      case .move(let from, let to): try FileCalls.move(names.path(from), names.path(to))
      case .giveName(let from, let to): try FileCalls.renameNew(names.path(from), names.path(to))
      case .remove(let name): try FileCalls.unlink(names.path(name))
      case .lookAtDirectory: return .found(try FileCalls.directoryStatus(of: names.path))
      case .finished, .failed: break
      }
      return .done
    } catch {
      if error == .noSuchFileOrDirectory {
        if case .look = action { return .absent }
        if case .lookAtDirectory = action { return .absent }
      }
      return .failed(error)
    }
  }
}
