internal import CSystemCalls
import Glibc
internal import SystemCalls
internal import SystemPackage

/// One pipe of the command, and the local file that its bytes go to.
///
/// Bytes go from the pipe to the file by splice(2), so that they are never in this process alone: when
/// it is killed, they are either still in the pipe or in the file already. The file's position is that
/// of the open file, which a successor shares. Where the file cannot be written, bytes are kept in
/// memory up to a bound, so that the command's pipe never fills up; then the oldest are let go.
struct RelayStream {
  private static let largestMove = 1 << 20
  private static let pauseAfterError = 0.5

  let index: Int
  let pipe: FileDescriptor
  private let file: FileDescriptor
  private let status: RelayStatus
  private var canSplice = true
  private var backlog: Backlog?
  private(set) var hasEnded = false

  init(index: Int, pipe: FileDescriptor, file: FileDescriptor, status: RelayStatus) {
    self.index = index
    self.pipe = pipe
    self.file = file
    self.status = status
    hasEnded = status[index].hasEnded
  }

  /// When to try the file again, if it has failed.
  var nextTry: MonotonicInstant? { backlog?.nextTry }

  /// Everything is in the file, and nothing more will come.
  var isDone: Bool { hasEnded && backlog == nil }

  /// Moves what the pipe holds, at most a megabyte. Call it when the pipe is readable.
  ///
  /// - Returns: the bytes taken from the pipe.
  mutating func move(atMost limit: Int = largestMove) -> Int {
    guard !hasEnded else { return 0 }
    if backlog == nil, canSplice {
      let moved = splice(atMost: limit)
      if let moved { return moved }
    }
    return copy(atMost: limit)
  }

  /// Tries to write what was kept in memory.
  mutating func retry() {
    guard var backlog else { return }
    let before = backlog.bytes.count
    do throws(Errno) {
      while let part = backlog.next {
        let written = try valueOrErrno {
          part.withUnsafeBytes { write(file.rawValue, $0.baseAddress, $0.count) }
        }
        backlog.drop(written)
        status.noteWritten(written, stream: index)
      }
      self.backlog = nil
      status.noteError(nil, stream: index)
    } catch {
      backlog.nextTry = .now + Self.pauseAfterError
      self.backlog = backlog
      status.noteError(error, stream: index)
    }
    status.noteWaiting(change: (self.backlog?.bytes.count ?? 0) - before, stream: index)
  }

  /// Nil if splice cannot be used.
  private mutating func splice(atMost limit: Int) -> Int? {
    do throws(Errno) {
      let moved = try valueOrErrno { duct_splice(pipe.rawValue, file.rawValue, limit) }
      if moved == 0 { end() } else { status.noteWritten(moved, stream: index) }
      return moved
    } catch {
      switch error {
      case .resourceTemporarilyUnavailable: return 0
      case .invalidArgument:
        canSplice = false
        return nil
      default:
        startBacklog(error)
        return nil
      }
    }
  }

  private mutating func copy(atMost limit: Int) -> Int {
    guard (pipe.bytesReadable ?? 0) > 0 || isAtEnd else { return 0 }
    var buffer = [UInt8](repeating: 0, count: min(limit, 64 << 10))
    let result = try? valueOrErrno {
      buffer.withUnsafeMutableBytes { read(pipe.rawValue, $0.baseAddress, $0.count) }
    }
    guard let got = result, got > 0 else {
      end()
      return 0
    }
    keep(buffer[..<got])
    if backlog?.nextTry ?? .now <= .now { retry() }
    return got
  }

  /// Nothing is in the pipe, and nobody can write into it any more.
  private var isAtEnd: Bool {
    var entry = pollfd(fd: pipe.rawValue, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&entry, 1, 0) > 0 && CInt(entry.revents) & (POLLHUP | POLLERR) != 0
      && CInt(entry.revents) & POLLIN == 0
  }

  private mutating func keep(_ bytes: ArraySlice<UInt8>) {
    var backlog = self.backlog ?? Backlog()
    let before = backlog.bytes.count
    let lost = backlog.add(bytes)
    if lost > 0 { status.noteLost(lost, stream: index) }
    status.noteWaiting(change: backlog.bytes.count - before, stream: index)
    self.backlog = backlog
  }

  private mutating func startBacklog(_ error: Errno) {
    backlog = Backlog()
    backlog?.nextTry = .now + Self.pauseAfterError
    status.noteError(error, stream: index)
  }

  private mutating func end() {
    hasEnded = true
    status.noteEnd(stream: index)
  }
}
