internal import CSystemCalls
import Glibc
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// Reads the files of processes in /proc.
///
/// Use one instance per thread: it has a buffer of its own, so that reading allocates nothing.
///
/// Pids here are those that /proc shows. They can differ from those of duct's own pid namespace: see `ProcNumbers`.
/// `number(of:)` and `names` translate.
///
/// A test gives the root of a recorded tree in place of `/`. The pids in it mean nothing to the running kernel, so
/// nothing but files is read: `ProcFiles+Kernel.swift` has everything else that can be asked about a pid.
public final class ProcFiles {
  /// The folder that contains `proc` and `sys`: `/`, or the root of a recorded tree.
  let root: FilePath
  /// False for a recorded tree.
  let isLive: Bool
  static let bufferSize = 128 << 10
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
  /// Descriptor of /proc; -1 if it could not be opened.
  let proc: CInt
  let load: CInt
  let loadIsKernels: Bool
  public let numbers: ProcNumbers

  /// Reads the /proc of the running kernel.
  public convenience init() { self.init(root: "/", isLive: true, numbers: .current) }

  /// Reads a recorded tree, for tests.
  ///
  /// - Parameters:
  ///   - root: contains `proc` and `sys`, with `proc/self/status` of the process that stands for duct.
  ///   - ownPID: pid of that process in its own pid namespace.
  convenience init(root: FilePath, ownPID: Int32) {
    let status = (try? readAll(root.appending("proc/self/status"))) ?? []
    self.init(root: root, isLive: false, numbers: ProcNumbers(status: status, pid: ownPID))
  }

  private init(root: FilePath, isLive: Bool, numbers: ProcNumbers) {
    self.root = root
    self.isLive = isLive
    self.numbers = numbers
    // A /proc that does not show duct shows only strangers, and is not read.
    let isOurs = numbers.view != .foreign
    func opened(_ name: String) -> CInt {
      (try? FileDescriptor.opening(root.appending(name), .readOnly))?.rawValue ?? -1
    }
    proc = isOurs ? opened("proc") : -1
    load = opened("proc/loadavg")
    // Containers can have lxcfs mounted there, whose last pid is not the kernel's.
    loadIsKernels = !isLive || duct_is_of_proc(load)
  }

  deinit {
    if proc >= 0 { close(proc) }
    if load >= 0 { close(load) }
    buffer.deallocate()
  }

  /// Whether a part of /proc can be listed, as `forEachProcess(in:)` does.
  lazy var canSeek: Bool = {
    // A recorded tree is sorted after listing.
    guard isLive else { return true }
    guard let own = numbers.own else { return false }
    var found: [Int32] = []
    forEachProcess(in: own...own) { found.append($0.pid) }
    return found == [own]
  }()

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

  /// Opens a file of a process. A later read returns what belongs to this process, or fails.
  ///
  /// - Returns: a descriptor; nil if the process has exited or may not be read.
  func open(_ file: File, _ pid: Int32) -> CInt? {
    let opened = file.name.withUTF8Buffer { name in
      name.withMemoryRebound(to: CChar.self) { duct_open_process_file(proc, pid, $0.baseAddress) }
    }
    return opened >= 0 ? opened : nil
  }

  /// The contents of a file of a process, up to `limit` bytes. The bytes are valid until the next call.
  ///
  /// - Returns: nil if the process has exited or may not be read.
  func contents(_ file: File, _ pid: Int32, limit: Int = bufferSize) -> UnsafeRawBufferPointer? {
    guard let descriptor = open(file, pid) else { return nil }
    defer { close(descriptor) }
    return contents(of: descriptor, limit: limit)
  }

  private func contents(of descriptor: CInt, limit: Int = bufferSize) -> UnsafeRawBufferPointer? {
    let got = pread(descriptor, buffer.baseAddress, min(limit, buffer.count), 0)
    return got > 0 ? UnsafeRawBufferPointer(rebasing: buffer[..<got]) : nil
  }

  /// The stat line of a process. Nil if it has exited.
  public func stat(_ pid: Int32) -> ProcessStat? { contents(.stat, pid).flatMap { ProcessStat($0) } }

  /// The stat line of the process whose open stat file this is. Nil if it has exited.
  func stat(of descriptor: CInt) -> ProcessStat? { contents(of: descriptor).flatMap { ProcessStat($0) } }

  /// The stat line of a process by its pid in duct's own namespace. Nil if it has exited.
  public func stat(own pid: Int32) -> ProcessStat? { number(of: pid).flatMap { stat($0) } }

  private static let longestCommandLine = 4096

  /// The arguments separated by spaces, as ps(1) shows them, up to 4096 bytes and then `…`.
  ///
  /// - Returns: nil if there are none: during an execve(2) or an exit, and for zombies and kernel threads.
  public func commandLine(_ pid: Int32) -> String? {
    guard let arguments = contents(.cmdline, pid, limit: Self.longestCommandLine + 1) else { return nil }
    var line = arguments.prefix(Self.longestCommandLine).map { $0 == 0 ? UInt8(ascii: " ") : $0 }
    if arguments.count > Self.longestCommandLine { return String(escaping: line) + "…" }
    while line.last == UInt8(ascii: " ") { line.removeLast() }
    return line.isEmpty ? nil : String(escaping: line)
  }

  // MARK: Names in duct's pid namespace

  /// Pids of a process in duct's own pid namespace.
  public struct Names: Sendable, Equatable {
    public var pid: Int32
    /// Its session; 0 if the session's leader is in an outer namespace.
    var session: Int32
  }

  /// What a process and its session are called in duct's own namespace. Nil if it has exited, or does not exist in
  /// that namespace.
  public func names(_ stat: ProcessStat) -> Names? {
    if numbers.view == .same { return Names(pid: stat.pid, session: stat.session) }
    guard let status = contents(.status, stat.pid), let pid = numbers.own("NSpid", status: status) else {
      return nil
    }
    return Names(pid: pid, session: numbers.own("NSsid", status: status) ?? 0)
  }
}
