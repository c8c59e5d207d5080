internal import CSystemCalls
import Glibc
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// Reads /proc. One instance a thread: it has a buffer of its own, and nothing is allocated for a read.
///
/// Pids here are those that /proc shows. They are not always those of this process's own pid namespace: see
/// `ProcNumbers`, and `numbers` for the way from one to the other.
public final class ProcFiles {
  /// An entry of /proc: a process that this user may see.
  struct Entry: Sendable, Equatable {
    var pid: Int32
    /// Another one for each process: a pid that is used again comes with a new one.
    var inode: UInt64
  }

  private static let bufferSize = 128 << 10
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
  /// -1 where it could not be opened.
  private let proc: CInt
  private let load: CInt
  private let loadIsKernels: Bool
  public let numbers = ProcNumbers.current

  public init() {
    // What does not show this process shows strangers.
    let isOurs = numbers.view != .foreign
    proc = (isOurs ? try? FileDescriptor.opening("/proc", .readOnly) : nil)?.rawValue ?? -1
    load = (try? FileDescriptor.opening("/proc/loadavg", .readOnly))?.rawValue ?? -1
    // Containers have one of their own there (lxcfs), in which the last pid is not the last.
    loadIsKernels = duct_is_of_proc(load)
  }

  deinit {
    if proc >= 0 { close(proc) }
    if load >= 0 { close(load) }
    buffer.deallocate()
  }

  // MARK: Which processes there are

  /// The directory offset of a pid in /proc: the kernel gives no such promise, so it is tried before use.
  private static let pidOffset = 257

  /// Calls `body` for each process, in the order of their pids.
  ///
  /// - Parameter range: of pids; needs `canSeek`.
  func forEachProcess(in range: ClosedRange<Int32>? = nil, _ body: (Entry) -> Void) {
    let start = range.map { Int($0.lowerBound) + Self.pidOffset } ?? 0
    guard lseek(proc, start, SEEK_SET) >= 0 else { return }
    while true {
      let got = duct_list_directory(proc, buffer.baseAddress, buffer.count)
      if got <= 0 { return }
      // ino64_t d_ino; off64_t d_off; unsigned short d_reclen; unsigned char d_type; char d_name[];
      var at = 0
      while at < got {
        let length = Int(buffer.loadUnaligned(fromByteOffset: at + 16, as: UInt16.self))
        let pid = number(at + 19)
        if pid > 0 {
          if let range, pid > range.upperBound { return }
          if range.map({ $0.contains(pid) }) ?? true {
            body(Entry(pid: pid, inode: buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
          }
        }
        at += max(length, 1)
      }
    }
  }

  /// Whether a part of /proc can be listed, as `forEachProcess(in:)` does.
  lazy var canSeek: Bool = {
    guard let own = numbers.own else { return false }
    var found: [Int32] = []
    forEachProcess(in: own...own) { found.append($0.pid) }
    return found == [own]
  }()

  /// The pids of all processes that this user may see.
  public func pids() -> [Int32] {
    var pids: [Int32] = []
    forEachProcess { pids.append($0.pid) }
    return pids
  }

  /// The pid that was given out last, to a process or a thread; of this process's own namespace, whatever /proc shows.
  /// Nil if not known.
  func lastPID() -> Int32? {
    guard loadIsKernels else { return nil }
    let got = pread(load, buffer.baseAddress, 256, 0)
    guard got > 0 else { return nil }
    let text = UnsafeRawBufferPointer(rebasing: buffer[..<got])
    guard let space = text.lastIndex(of: UInt8(ascii: " ")) else { return nil }
    let pid = number(space + 1)
    return pid > 0 ? pid : nil
  }

  /// The number that stands in the buffer, up to the first byte that is no digit; 0 if there is none.
  private func number(_ start: Int) -> Int32 {
    var value: Int32 = 0
    var at = start
    while at < buffer.count, case let digit = buffer[at] &- UInt8(ascii: "0"), digit <= 9 {
      value = value &* 10 &+ Int32(digit)
      at += 1
    }
    return value
  }

  // MARK: Files of a process

  enum File {
    case stat, status, io, cmdline, smapsRollup

    fileprivate var name: StaticString {
      switch self {
      case .stat: "stat"
      case .status: "status"
      case .io: "io"
      case .cmdline: "cmdline"
      case .smapsRollup: "smaps_rollup"
      }
    }
  }

  /// Opens a file of a process: what is read from it later is this process's or nothing.
  func open(_ file: File, _ pid: Int32) -> CInt? {
    let opened = file.name.withUTF8Buffer { name in
      name.withMemoryRebound(to: CChar.self) { duct_open_process_file(proc, pid, $0.baseAddress) }
    }
    return opened >= 0 ? opened : nil
  }

  /// What the file holds now, up to `limit`; nil if the process has gone or may not be looked at. The bytes
  /// are valid until the next call.
  func contents(_ file: File, _ pid: Int32, limit: Int = bufferSize) -> UnsafeRawBufferPointer? {
    guard let descriptor = open(file, pid) else { return nil }
    defer { close(descriptor) }
    return contents(of: descriptor, limit: limit)
  }

  private func contents(of descriptor: CInt, limit: Int = bufferSize) -> UnsafeRawBufferPointer? {
    let got = pread(descriptor, buffer.baseAddress, min(limit, buffer.count), 0)
    return got > 0 ? UnsafeRawBufferPointer(rebasing: buffer[..<got]) : nil
  }

  /// What a process is called in this process's pid namespace.
  public struct Names: Sendable, Equatable {
    public var pid: Int32
    /// 0 where its leader is in a namespace around this one.
    var session: Int32
  }

  /// What a process and its session are called in this namespace. Nil if it has gone, or is in no namespace of ours.
  public func names(_ stat: ProcessStat) -> Names? {
    if numbers.view == .same { return Names(pid: stat.pid, session: stat.session) }
    guard let status = contents(.status, stat.pid), let pid = numbers.own("NSpid", status: status) else {
      return nil
    }
    return Names(pid: pid, session: numbers.own("NSsid", status: status) ?? 0)
  }

  /// Of a process by its pid in this namespace. Nil if it has gone.
  public func stat(own pid: Int32) -> ProcessStat? { numbers.inProc(pid).flatMap { stat($0) } }

  /// Nil if the process has gone.
  public func stat(_ pid: Int32) -> ProcessStat? { contents(.stat, pid).flatMap { ProcessStat($0) } }

  /// By an open file of it.
  func stat(of descriptor: CInt) -> ProcessStat? { contents(of: descriptor).flatMap { ProcessStat($0) } }

  private static let longestCommandLine = 4096

  /// The arguments with spaces between them, as `ps` shows them; nil where there are none: in the middle of
  /// an execve(2) or of an exit, and of zombies and kernel threads. What is beyond 4096 bytes is left out,
  /// with `…` in its place.
  func commandLine(_ pid: Int32) -> String? {
    guard let arguments = contents(.cmdline, pid, limit: Self.longestCommandLine + 1) else { return nil }
    var line = arguments.prefix(Self.longestCommandLine).map { $0 == 0 ? UInt8(ascii: " ") : $0 }
    if arguments.count > Self.longestCommandLine { return String(escaping: line) + "…" }
    while line.last == UInt8(ascii: " ") { line.removeLast() }
    return line.isEmpty ? nil : String(escaping: line)
  }
}
