import Glibc

/// Values of the host that do not change until it boots again.
public struct HostConstants: Sendable {
  public static let current = HostConstants()

  private init() {}

  /// Clock ticks per second, the unit of processor time in /proc/PID/stat. From sysconf(3).
  public let ticksPerSecond = Double(max(sysconf(CInt(_SC_CLK_TCK)), 1))
  /// Bytes in a page of memory.
  public let pageSize = UInt64(max(sysconf(CInt(_SC_PAGESIZE)), 1))
  /// Bytes of physical memory; 0 if not known.
  public let memoryBytes =
    UInt64(max(sysconf(CInt(_SC_PAGESIZE)), 0)) * UInt64(max(sysconf(CInt(_SC_PHYS_PAGES)), 0))
  /// Configured processors, including those that are offline.
  public let configuredCPUs = max(sysconf(CInt(_SC_NPROCESSORS_CONF)), 1)

  /// Seconds since boot, on CLOCK_BOOTTIME. /proc gives the start time of a process on this clock.
  public var uptime: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// When the host booted, in seconds since 1970.
  public var bootTime: Double { WallTime.now.seconds - uptime }

  /// Identifies this boot of the host, from /proc/sys/kernel/random/boot_id. Nil if it cannot be read.
  public static let bootID: String? = (try? readAll("/proc/sys/kernel/random/boot_id", limit: 64)).map {
    bytes in
    String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
