import Glibc
public import RecordText
internal import SystemCalls
internal import SystemPackage

/// The duct process that writes a record. From it, a reader on the same host can decide whether the run has
/// ended.
///
/// A pid alone does not identify a process: the kernel uses pids again, each boot starts anew, and each
/// container has its own pids.
public struct DuctProcess: Record, Equatable {
  /// In duct's own pid namespace. From getpid(2).
  var pid: Int32 = 0
  /// Clock ticks from boot to the start of the process. From /proc/PID/stat. Nil if /proc does not show it.
  var startTicks: UInt64?
  /// Identifies the boot of the host. From /proc/sys/kernel/random/boot_id.
  var bootID: String?
  /// Identifies the pid namespace: the target of the link /proc/self/ns/pid.
  var pidNamespace: String?

  public mutating func list(_ members: inout RecordMembers) {
    members("duct_pid", &pid)
    members("duct_start_ticks", &startTicks)
    members("duct_boot_id", &bootID)
    members("duct_pid_namespace", &pidNamespace)
  }

  public init() {}

  init(pid: Int32, startTicks: UInt64?, bootID: String?, pidNamespace: String?) {
    self.pid = pid
    self.startTicks = startTicks
    self.bootID = bootID
    self.pidNamespace = pidNamespace
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

  enum Presence: Sendable, Equatable {
    case alive, gone
    /// On another host, in another container, or before this host was booted. Also if the record lacks a value.
    case elsewhere
  }

  /// Whether the process still exists, as far as this process can see.
  var presence: Presence {
    guard pid > 0, let startTicks, let bootID, bootID == HostConstants.bootID,
      let pidNamespace, pidNamespace == Self.currentPIDNamespace
    else { return .elsewhere }
    if kill(pid, 0) != 0, errno == ESRCH { return .gone }
    // /proc may hide the processes of other users, or belong to another pid namespace. Then kill(2) has found a
    // process, and nothing shows that it is a different one.
    guard let stat = ProcessStat.read(ownPID: pid) else { return .alive }
    return stat.startTicks == startTicks && !stat.isZombie ? .alive : .gone
  }
}
