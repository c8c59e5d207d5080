import Glibc
internal import SystemCalls
internal import SystemPackage

/// Which processes there are.
extension ProcFiles {
  /// An entry of /proc: a process that this user may see.
  struct Entry: Sendable, Equatable {
    var pid: Int32
    /// Another one for each process: a process that gets a used pid has a new inode.
    var inode: UInt64
  }

  /// The position of a pid in the directory /proc. The kernel does not promise it, so `canSeek` tests it before use.
  /// From its fs/proc/base.c.
  private enum Position {
    /// FIRST_PROCESS_ENTRY.
    private static let firstProcessEntry = 256
    /// Entries between that position and pid 0 (TGID_OFFSET): /proc/self. Since Linux 3.17 there is also
    /// /proc/thread-self, so that the listing begins one pid early, which `forEachProcess` skips.
    private static let specialEntries = 1

    static func of(_ pid: Int32) -> Int { firstProcessEntry + specialEntries + Int(pid) }
  }

  /// Calls `body` for each process, in the order of their pids.
  ///
  /// - Parameter range: of pids; needs `canSeek`.
  func forEachProcess(in range: ClosedRange<Int32>? = nil, _ body: (Entry) -> Void) {
    if isLive {
      listProcesses(range, body)
    } else {
      // Other file systems list a folder in any order, and its positions mean something else.
      var entries: [Entry] = []
      listProcesses(nil) { entries.append($0) }
      entries.sort { $0.pid < $1.pid }
      for entry in entries where range?.contains(entry.pid) ?? true { body(entry) }
    }
  }

  private func listProcesses(_ range: ClosedRange<Int32>?, _ body: (Entry) -> Void) {
    let start = range.map { Position.of($0.lowerBound) } ?? 0
    // Where /proc cannot be listed no process is known; `canSeek` and the samples show it.
    try? forEachEntry(of: FileDescriptor(rawValue: proc), from: start, buffer) { inode, name in
      let pid = Self.number(name)
      guard pid > 0 else { return true }
      if let range {
        if pid > range.upperBound { return false }
        if pid < range.lowerBound { return true }
      }
      body(Entry(pid: pid, inode: inode))
      return true
    }
  }

  /// The pids of all processes that this user may see.
  public func pids() -> [Int32] {
    var pids: [Int32] = []
    forEachProcess { pids.append($0.pid) }
    return pids
  }

  /// The children of a process. All pids are those that /proc shows.
  func children(of parent: Int32) -> [Int32] {
    var found: [Int32] = []
    var listed: [Int32] = []
    forEachProcess { listed.append($0.pid) }
    for pid in listed where stat(pid)?.parent == parent { found.append(pid) }
    return found
  }

  /// Whether a process of the session exists. Its number is that of duct's own pid namespace.
  public func hasSession(_ session: Int32) -> Bool {
    guard let session = number(of: session) else { return false }
    var listed: [Int32] = []
    forEachProcess { listed.append($0.pid) }
    return listed.contains { stat($0)?.session == session }
  }

  /// The largest pid that the kernel hands out; 0 if not known.
  func lastPossiblePID() -> Int32 {
    guard let bytes = try? readAll(root.appending("proc/sys/kernel/pid_max"), limit: 64) else { return 0 }
    return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) ?? 0
  }

  /// The last pid that the kernel handed out in duct's own pid namespace, to a process or a thread. From
  /// /proc/loadavg, which has the namespace of its reader, whatever /proc shows. Nil if not known.
  func lastPID() -> Int32? {
    guard loadIsKernels else { return nil }
    let got = pread(load, buffer.baseAddress, buffer.count, 0)
    guard got > 0 else { return nil }
    let text = UnsafeRawBufferPointer(rebasing: buffer[..<got])
    guard let space = text.lastIndex(of: UInt8(ascii: " ")) else { return nil }
    let pid = Self.number(UnsafeRawBufferPointer(rebasing: text[(space + 1)...]))
    return pid > 0 ? pid : nil
  }

  /// The number at the start of the text, up to the first byte that is no digit; 0 if there is none.
  private static func number(_ text: UnsafeRawBufferPointer) -> Int32 {
    var value: Int32 = 0
    for byte in text {
      let digit = byte &- UInt8(ascii: "0")
      if digit > 9 { break }
      value = value &* 10 &+ Int32(digit)
    }
    return value
  }
}
