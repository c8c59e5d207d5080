import Glibc
internal import SystemCalls
internal import SystemPackage

/// The process of duct that writes a record: by it a reader on the same host can tell whether the run goes on.
///
/// A pid alone does not name a process: it is given again, each boot begins anew, and a container has its own.
public struct DuctProcess: Codable, Sendable, Equatable {
  var pid: Int32
  /// Clock ticks from boot to its start.
  var startTicks: UInt64?
  var bootID: String?
  /// What /proc/self/ns/pid leads to.
  var pidNamespace: String?

  enum CodingKeys: String, CodingKey {
    case pid = "duct_pid"
    case startTicks = "duct_start_ticks"
    case bootID = "duct_boot_id"
    case pidNamespace = "duct_pid_namespace"
  }

  /// This process.
  static var own: DuctProcess {
    DuctProcess(
      pid: getpid(), startTicks: ProcFiles().stat(own: getpid())?.startTicks,
      bootID: RunManifest.currentBootID,
      pidNamespace: currentPIDNamespace)
  }

  private static let currentPIDNamespace = linkTarget(of: Array("/proc/self/ns/pid".utf8)).map {
    String(decoding: $0, as: UTF8.self)
  }

  public enum Presence: Sendable, Equatable {
    case alive, gone
    /// It was on another host, in another container, or before this host was started.
    case elsewhere
  }

  /// Whether it is there, as far as it can be seen from this process.
  public var presence: Presence {
    guard pid > 0, let startTicks, let bootID, bootID == RunManifest.currentBootID,
      let pidNamespace, pidNamespace == Self.currentPIDNamespace
    else { return .elsewhere }
    if kill(pid, 0) != 0, errno == ESRCH { return .gone }
    // A mount of /proc may hide what others run, or be another namespace's: it is there then, and nothing speaks
    // against it.
    guard let stat = ProcFiles().stat(own: pid) else { return .alive }
    return stat.startTicks == startTicks && !stat.isZombie ? .alive : .gone
  }

  /// When this host was started, in seconds since 1970.
  public static var bootTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return WallTime.now.seconds - Double(time.tv_sec) - Double(time.tv_nsec) / 1e9
  }
}
