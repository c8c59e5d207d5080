internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// A file of the log directory that is replaced as a whole: carries out what `FileReplacement` decides.
struct ReplacedFile {
  private(set) var replacement: FileReplacement
  private let names: TargetNames
  private let memory: (any TargetMemory)?
  private var temporary: FileDescriptor?

  /// - Parameters:
  ///   - runID: used for names beside `path`, if another file has it.
  ///   - notes: the files that earlier processes have noted as ours.
  ///   - takesName: a file that has the name loses it.
  init(
    _ path: FilePath, runID: String, notes: [TargetNote] = [], isSuccessor: Bool = false,
    takesName: Bool = false, memory: (any TargetMemory)? = nil
  ) {
    names = TargetNames(path: path, runID: runID)
    self.memory = memory
    replacement = FileReplacement(
      notes: notes, isSuccessor: isSuccessor, takesName: takesName, owner: geteuid())
  }

  var place: FilePath { names.path(replacement.place) }
  /// Temporary files may be left, so one more turn is needed before the end.
  var hasLeftNames: Bool { replacement.hasLeftNames }
  /// Another file had the name in the last turn: this file is at `place`.
  var wasDisplaced: Bool { replacement.wasDisplaced }

  /// From here on, another file that has the name keeps it.
  mutating func leaveNameToOthers() { replacement.takesName = false }

  /// - Parameter isLast: no replacement follows.
  mutating func replace(with bytes: [UInt8], isLast: Bool = false) throws(IOFailure) {
    var action = replacement.begin(isLast: isLast)
    while true {
      switch action {
      case .finished: return
      case .failed(let operation, let error): throw IOFailure(operation, place, error)
      default: action = replacement.step(perform(action, bytes))
      }
    }
  }

  private mutating func perform(_ action: FileReplacement.Action, _ bytes: [UInt8]) -> FileReplacement.Event {
    var operation = "rename"
    do throws(Errno) {
      switch action {
      case .create(let name):
        operation = "create"
        let file = try FileCalls.open(
          names.path(name), .readWrite, [.create, .exclusiveCreate, .noFollow, .nonBlocking])
        temporary?.closeQuietly()
        temporary = file
        return .written(try FileCalls.status(file))
      case .fill: return try fill(bytes, &operation)
      case .look(let name):
        operation = "stat"
        return .found(try FileCalls.status(names.path(name)))
      case .remember(let note): memory?.remember(note)
      case .rememberBoth(let note): memory?.rememberBoth(note)
      case .giveName(let from, let to): try FileCalls.renameNew(names.path(from), names.path(to))
      case .exchange(let one, let other): try FileCalls.exchange(names.path(one), names.path(other))
      case .rename(let from, let to): try FileCalls.rename(names.path(from), names.path(to))
      case .remove(let name):
        operation = "unlink"
        try FileCalls.unlink(names.path(name))
      case .syncDirectory:
        operation = "fsync"
        try FileCalls.syncDirectory(of: names.path)
      case .finished, .failed: break
      }
      return .done
    } catch {
      if case .look = action, error == .noSuchFileOrDirectory { return .absent }
      return .failed(operation, error)
    }
  }

  private mutating func fill(
    _ bytes: [UInt8], _ operation: inout String
  ) throws(Errno) -> FileReplacement.Event {
    operation = "write"
    guard let file = temporary else { throw .badFileDescriptor }
    temporary = nil
    let identity: FileIdentity
    do throws(Errno) {
      try file.writeAll(bytes, at: 0)
      operation = "fsync"
      try FileCalls.fsync(file)
      operation = "stat"
      identity = try FileCalls.status(file)
    } catch {
      file.closeQuietly()
      throw error
    }
    // NFS may report a delayed write error only at close.
    operation = "close"
    try FileCalls.close(file)
    return .written(identity)
  }

  mutating func close() {
    temporary?.closeQuietly()
    temporary = nil
  }
}
