import Glibc
import RecordText
import SystemCalls
public import SystemPackage

/// A test's own folder. At the end, the folder is removed, and all processes that the test started are killed.
///
/// A variable in their environment identifies them, because the processes that a wrapped command leaves behind have
/// neither parent nor session in common with the test.
public final class Sandbox: Sendable {
  public let path: FilePath
  /// The spool directory of this test's runs. It is beside the folder, and not in it.
  public let spool: FilePath
  private let mark: String
  /// Whether the test has started anything that may have the variable in its environment.
  private let isMarkGiven = Monitor(false)

  public init() throws {
    let run = getenv("DUCT_TEST_RUN").map { String(cString: $0) + "-" } ?? ""
    var template = Array("/tmp/duct-test-\(run)XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = FilePath(platformString: template)
    mark = path.lastComponent?.string ?? ""
    spool = FilePath(path.string + "-spool")
    try valueOrErrno { spool.withPlatformString { mkdir($0, 0o700) } }
    // Tests also run programs as other users.
    spool.withPlatformString { _ = chmod($0, 0o1777) }
  }

  deinit {
    killProcesses()
    _ = try? remove(path)
    _ = try? remove(spool)
  }

  /// The path of a file or folder in it. The name may contain escaped bytes.
  public subscript(name: String) -> FilePath { FilePath(bytes: path.bytes + [0x2F] + name.originalBytes) }

  /// Variables for the environment of everything that this test starts.
  public var environment: [String: String] {
    isMarkGiven.update { $0 = true }
    return ["DUCT_TEST_MARK": mark, "DUCT_SPOOL_DIR": spool.string]
  }

  /// The run folders in a user's spool, except those that are still being created, whose names begin with a dot.
  public func spooledRuns(of uid: UInt32? = nil) -> [FilePath] {
    let base = spool.appending("duct-\(uid ?? geteuid())")
    return names(of: base).filter { !$0.hasPrefix(".") }.map { base.appending($0) }
  }

  /// Whether no process holds the lock of a run folder: the run's duct and its relay have both ended.
  public func isOver(_ folder: FilePath) -> Bool {
    guard let lock = try? FileDescriptor.opening(folder, .readOnly) else { return true }
    defer { lock.closeQuietly() }
    return flock(lock.rawValue, LOCK_EX | LOCK_NB) == 0
  }

  public func spooledRunsAreOver() -> Bool { spooledRuns().allSatisfy(isOver) }

  /// The processes that the test started and that still exist.
  public func processes() -> [(pid: Int32, name: String)] {
    let needle = "DUCT_TEST_MARK=\(mark)"
    return Proc.pids().compactMap { pid in
      guard let environment = Proc.environment(pid) else { return nil }
      return Self.holds(environment, needle) ? (pid, Proc.name(pid)) : nil
    }
  }

  /// Uses strcmp(3) for speed: at its end, each test searches the environments of all processes on the host.
  private static func holds(_ environment: [UInt8], _ entry: String) -> Bool {
    (environment + [0]).withUnsafeBytes { bytes in
      guard var next = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return false }
      let end = next + bytes.count
      while next < end {
        if strcmp(next, entry) == 0 { return true }
        next += strlen(next) + 1
      }
      return false
    }
  }

  public func killProcesses() {
    guard isMarkGiven.withLock({ $0 }) else { return }
    // Search twice, to find a process that another one was just starting.
    for _ in 0..<2 {
      let found = processes()
      if found.isEmpty { return }
      for process in found { kill(process.pid, SIGKILL) }
    }
  }

  // MARK: Files

  public func write(_ text: String, to name: String, executable: Bool = false) throws {
    try write(Array(text.utf8), to: name)
    if executable { _ = self[name].withPlatformString { chmod($0, 0o755) } }
  }

  public func write(_ bytes: [UInt8], to name: String) throws {
    let file = try FileDescriptor.opening(self[name], .writeOnly, options: [.create, .truncate])
    defer { file.closeQuietly() }
    try file.writeAll(bytes)
  }

  public func makeDirectory(_ name: String) throws {
    try valueOrErrno { self[name].withPlatformString { mkdir($0, 0o755) } }
  }

  public func bytes(_ name: String) throws -> [UInt8] { try readAll(self[name], limit: 1 << 30) }

  public func text(_ name: String) throws -> String {
    String(decoding: try bytes(name), as: UTF8.self)
  }

  public func exists(_ name: String) -> Bool { self[name].withPlatformString { access($0, F_OK) } == 0 }

  /// The names in a folder, without `.` and `..`, sorted.
  public func names(_ folder: String = "") -> [String] {
    names(of: folder.isEmpty ? path : self[folder])
  }

  public func names(of path: FilePath) -> [String] {
    guard let stream = path.withPlatformString({ opendir($0) }) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(escapingUpToNUL: $0) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private func remove(_ path: FilePath) throws {
    var information = stat()
    guard path.withPlatformString({ lstat($0, &information) }) == 0 else { return }
    guard information.st_mode & S_IFMT == S_IFDIR else {
      _ = path.withPlatformString { unlink($0) }
      return
    }
    guard let stream = path.withPlatformString({ opendir($0) }) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { $0.prefix { $0 != 0 }.map { $0 } }
      if name != [0x2E], name != [0x2E, 0x2E] {
        try remove(FilePath(bytes: path.bytes + [0x2F] + name))
      }
    }
    _ = path.withPlatformString { rmdir($0) }
  }
}

/// Reads /proc.
public enum Proc {
  public static func pids() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var pids: [Int32] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(escapingUpToNUL: $0) }
      if let pid = Int32(name) { pids.append(pid) }
    }
    return pids
  }

  /// The environment that a process started with. During execve(2), the kernel shows an empty one. So if a process
  /// with an executable has none, reads it again, often enough for an execve(2) to end.
  static func environment(_ pid: Int32) -> [UInt8]? {
    for attempt in 0..<25 {
      guard let bytes = try? readAll(FilePath("/proc/\(pid)/environ")) else { return nil }
      if !bytes.isEmpty || linkTarget(of: Array("/proc/\(pid)/exe".utf8)) == nil { return bytes }
      // A daemon that has overwritten its environment has none for good.
      if attempt < 20 { sched_yield() } else { usleep(1000) }
    }
    return []
  }

  public static func name(_ pid: Int32) -> String {
    let bytes = (try? readAll(FilePath("/proc/\(pid)/comm"))) ?? []
    return String(escaping: bytes.filter { $0 != 0x0A })
  }

  public static func isAlive(_ pid: Int32) -> Bool { state(pid).map { $0 != "Z" } ?? false }

  /// Whether the main thread of a process is in nanosleep(2) or a similar call.
  public static func isSleeping(_ pid: Int32) -> Bool {
    let place = (try? readAll(FilePath("/proc/\(pid)/wchan"))) ?? []
    return String(decoding: place, as: UTF8.self).contains("nanosleep")
  }

  /// The letter of the process state: R, S, T and so on.
  public static func state(_ pid: Int32) -> Character? {
    guard let bytes = try? readAll(FilePath("/proc/\(pid)/stat")) else { return nil }
    let text = String(escaping: bytes)
    guard let close = text.lastIndex(of: ")") else { return nil }
    return text[text.index(close, offsetBy: 2)]
  }

  /// Whether a signal is pending for the process.
  public static func isPending(_ signal: Int32, _ pid: Int32) -> Bool {
    let lines = String(decoding: (try? readAll(FilePath("/proc/\(pid)/status"))) ?? [], as: UTF8.self)
    return lines.split(separator: "\n").contains { line in
      guard line.hasPrefix("SigPnd:") || line.hasPrefix("ShdPnd:") else { return false }
      let mask = line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
      return mask & 1 << UInt64(signal - 1) != 0
    }
  }

  /// The files that the descriptors of a process lead to.
  public static func files(_ pid: Int32) -> [String] {
    guard let directory = opendir("/proc/\(pid)/fd") else { return [] }
    defer { closedir(directory) }
    var targets: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(escapingUpToNUL: $0) }
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let length = readlink("/proc/\(pid)/fd/\(name)", &buffer, buffer.count)
      if length > 0 { targets.append(String(escaping: buffer.prefix(length).map { UInt8(bitPattern: $0) })) }
    }
    return targets
  }

  public static func children(of pid: Int32) -> [Int32] {
    pids().filter { child in
      guard let bytes = try? readAll(FilePath("/proc/\(child)/stat")) else { return false }
      let text = String(escaping: bytes)
      guard let close = text.lastIndex(of: ")") else { return false }
      return text[text.index(close, offsetBy: 2)...].split(separator: " ").dropFirst().first == "\(pid)"
    }
  }
  /// Kills a process and all its descendants. Stops all of them first, so that none can react to the end of
  /// another.
  public static func killTree(_ root: Int32) {
    var victims = [root]
    var next = 0
    while next < victims.count {
      kill(victims[next], SIGSTOP)
      victims += children(of: victims[next])
      next += 1
    }
    for victim in victims { kill(victim, SIGKILL) }
  }
}
