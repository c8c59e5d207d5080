import Glibc
internal import SystemCalls
internal import SystemPackage

/// The process of duct that writes a record: by it a reader on the same host can tell whether the run goes on.
///
/// A pid alone does not name a process: it is given again, each boot begins anew, and a container has its own.
public struct DuctProcess: Codable, Sendable, Equatable {
  public var pid: Int32
  /// Clock ticks from boot to its start.
  public var startTicks: UInt64?
  public var bootID: String?
  /// What /proc/self/ns/pid leads to.
  public var pidNamespace: String?

  enum CodingKeys: String, CodingKey {
    case pid = "duct_pid"
    case startTicks = "duct_start_ticks"
    case bootID = "duct_boot_id"
    case pidNamespace = "duct_pid_namespace"
  }

  /// This process.
  public static var own: DuctProcess {
    DuctProcess(
      pid: getpid(), startTicks: ProcessStat.read(ownPID: getpid())?.startTicks,
      bootID: HostConstants.bootID,
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
    guard pid > 0, let startTicks, let bootID, bootID == HostConstants.bootID,
      let pidNamespace, pidNamespace == Self.currentPIDNamespace
    else { return .elsewhere }
    if kill(pid, 0) != 0, errno == ESRCH { return .gone }
    // A mount of /proc may hide what others run, or be another namespace's: it is there then, and nothing speaks
    // against it.
    guard let stat = ProcessStat.read(ownPID: pid) else { return .alive }
    return stat.startTicks == startTicks && !stat.isZombie ? .alive : .gone
  }
}
