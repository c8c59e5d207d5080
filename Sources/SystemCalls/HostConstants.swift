import Glibc

/// Values of the host that do not change until it boots again.
public struct HostConstants: Sendable {
  public static let current = HostConstants()

  /// Clock ticks per second, the unit of processor time in /proc/PID/stat. From sysconf(3).
  public let ticksPerSecond: Double
  /// Bytes in a page of memory.
  public let pageSize: UInt64
  /// Bytes of physical memory; 0 if not known.
  public let memoryBytes: UInt64
  /// Configured processors, including those that are offline.
  public let configuredCPUs: Int

  /// Those of this host.
  private init() {
    let (page, pages) = (sysconf(CInt(_SC_PAGESIZE)), sysconf(CInt(_SC_PHYS_PAGES)))
    self.init(
      ticksPerSecond: Double(max(sysconf(CInt(_SC_CLK_TCK)), 1)), pageSize: UInt64(max(page, 1)),
      memoryBytes: UInt64(max(page, 0)) * UInt64(max(pages, 0)),
      configuredCPUs: max(sysconf(CInt(_SC_NPROCESSORS_CONF)), 1))
  }

  /// Those of another host, whose /proc was recorded.
  public init(ticksPerSecond: Double, pageSize: UInt64, memoryBytes: UInt64, configuredCPUs: Int) {
    self.ticksPerSecond = ticksPerSecond
    self.pageSize = pageSize
    self.memoryBytes = memoryBytes
    self.configuredCPUs = configuredCPUs
  }

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
