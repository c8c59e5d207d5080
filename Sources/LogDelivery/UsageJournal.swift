import Glibc
public import ResilientIO
internal import SystemCalls
public import SystemPackage

/// The lines of usage.jsonl. They go to local disk and, after the first failed write, to memory.
public final class UsageJournal: GrowingSource {
  private struct State: Sendable {
    var diskLength = 0
    var memoryLength = 0
    var isOnDisk: Bool
    var isComplete = false
  }

  private let disk: FileDescriptor?
  private let memory: FileDescriptor?
  private let state: Monitor<State>

  public init(disk: FileDescriptor?, memory: FileDescriptor?) {
    self.disk = disk
    self.memory = memory
    state = Monitor(State(isOnDisk: disk != nil))
  }

  /// Adds a whole line. May block until the local disk answers.
  ///
  /// - Throws: if neither disk nor memory takes the line. It is then lost.
  func append(_ line: [UInt8]) throws(Errno) {
    let (diskLength, memoryLength, isOnDisk) = state.withLock {
      ($0.diskLength, $0.memoryLength, $0.isOnDisk)
    }
    if isOnDisk, let disk {
      do throws(Errno) {
        try disk.writeAll(line, at: diskLength)
        state.update { $0.diskLength += line.count }
        return
      } catch {
        // Remove what was written of the line.
        _ = ftruncate(disk.rawValue, diskLength)
        state.update { $0.isOnDisk = false }
      }
    }
    guard let memory else { throw .noMemory }
    try memory.writeAll(line, at: memoryLength)
    state.update { $0.memoryLength += line.count }
  }

  func noteEnd() { state.update { $0.isComplete = true } }

  // MARK: Delivery

  public var readableLength: Int { state.withLock { $0.diskLength + $0.memoryLength } }
  public var isComplete: Bool { state.withLock { $0.isComplete } }

  public func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    let (diskLength, memoryLength) = state.withLock { ($0.diskLength, $0.memoryLength) }
    let isOnDisk = offset < diskLength
    let start = isOnDisk ? 0 : diskLength
    let count = min(buffer.count, (isOnDisk ? diskLength : diskLength + memoryLength) - offset)
    guard count > 0, let file = isOnDisk ? disk : memory else { return 0 }
    return (try? valueOrErrno { pread(file.rawValue, buffer.baseAddress, count, offset - start) }) ?? 0
  }

  public func prove(upTo length: Int) {}
}

/// The lines of usage.jsonl that another process writes or has written.
struct WrittenUsage: GrowingSource {
  let disk: FileDescriptor?
  let memory: FileDescriptor?
  private let completion: @Sendable () -> Bool

  /// - Parameter isComplete: whether the writer of the lines has finished.
  init(disk: FileDescriptor?, memory: FileDescriptor?, isComplete: @escaping @Sendable () -> Bool) {
    self.disk = disk
    self.memory = memory
    completion = isComplete
  }

  var isComplete: Bool { completion() }

  var readableLength: Int { Self.length(disk) + Self.length(memory) }

  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    let diskLength = Self.length(disk)
    let isOnDisk = offset < diskLength
    guard let file = isOnDisk ? disk : memory else { return 0 }
    let position = isOnDisk ? offset : offset - diskLength
    let count = isOnDisk ? min(buffer.count, diskLength - offset) : buffer.count
    return (try? valueOrErrno { pread(file.rawValue, buffer.baseAddress, count, position) }) ?? 0
  }

  func prove(upTo length: Int) {}

  private static func length(_ file: FileDescriptor?) -> Int {
    var information = stat()
    guard let file, fstat(file.rawValue, &information) == 0 else { return 0 }
    return Int(information.st_size)
  }
}
