import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Reads /proc. One instance a thread: it has a buffer of its own.
final class ProcFiles {
  private static let longestCommandLine = 64 << 10
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)

  deinit { buffer.deallocate() }

  /// The pids of all processes that this user may see.
  func pids() -> [Int32] {
    guard let directory = opendir("/proc") else { return [] }
    defer { closedir(directory) }
    var pids: [Int32] = []
    while let entry = readdir(directory) {
      let pid = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          name.pointee >= CChar(UInt8(ascii: "1")) && name.pointee <= CChar(UInt8(ascii: "9"))
            ? atoi(name) : 0
        }
      }
      if pid > 0 { pids.append(pid) }
    }
    return pids
  }

  /// Nil if the process has gone.
  func stat(_ pid: Int32) -> ProcessStat? {
    guard let file = try? FileDescriptor.opening(FilePath("/proc/\(pid)/stat"), .readOnly) else { return nil }
    defer { file.closeQuietly() }
    let got = read(file.rawValue, buffer.baseAddress, buffer.count)
    guard got > 0 else { return nil }
    return ProcessStat(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
  }

  /// The arguments with spaces between them, as `ps` shows them; the name in brackets where there are
  /// none (kernel threads, zombies).
  func commandLine(_ stat: ProcessStat) -> String {
    let arguments =
      (try? readAll(FilePath("/proc/\(stat.pid)/cmdline"), limit: Self.longestCommandLine)) ?? []
    var line = arguments.map { $0 == 0 || $0 == UInt8(ascii: "\n") ? UInt8(ascii: " ") : $0 }
    while line.last == UInt8(ascii: " ") { line.removeLast() }
    if !line.isEmpty { return String(escaping: line) }
    let name = "[" + String(escaping: stat.name) + "]"
    return stat.isZombie ? name + " <defunct>" : name
  }
}

/// What does not change while the machine runs.
struct HostConstants: Sendable {
  let ticksPerSecond = Double(max(sysconf(CInt(_SC_CLK_TCK)), 1))
  let pageSize = UInt64(max(sysconf(CInt(_SC_PAGESIZE)), 1))
  let memoryBytes =
    UInt64(max(sysconf(CInt(_SC_PAGESIZE)), 0)) * UInt64(max(sysconf(CInt(_SC_PHYS_PAGES)), 0))
  let configuredCPUs = max(sysconf(CInt(_SC_NPROCESSORS_CONF)), 1)

  /// Seconds from boot to now, on the clock that a process's start is counted in.
  var uptime: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
