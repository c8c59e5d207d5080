/// A job's base state in Slurm (`enum job_states` of slurm.h, without flags).
///
/// An unknown state, from a later Slurm release, keeps its number: `UNKNOWN_14`.
public struct JobState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: String

  public init(rawValue: String) { self.rawValue = rawValue }

  public static let pending = JobState(rawValue: "PENDING")
  public static let running = JobState(rawValue: "RUNNING")
  public static let suspended = JobState(rawValue: "SUSPENDED")
  public static let completed = JobState(rawValue: "COMPLETED")
  public static let cancelled = JobState(rawValue: "CANCELLED")
  public static let failed = JobState(rawValue: "FAILED")
  public static let timeout = JobState(rawValue: "TIMEOUT")
  public static let nodeFail = JobState(rawValue: "NODE_FAIL")
  public static let preempted = JobState(rawValue: "PREEMPTED")
  public static let bootFail = JobState(rawValue: "BOOT_FAIL")
  public static let deadline = JobState(rawValue: "DEADLINE")
  public static let outOfMemory = JobState(rawValue: "OUT_OF_MEMORY")

  /// In the order of slurm.h.
  private static let numbered: [JobState] = [
    pending, running, suspended, completed, cancelled, failed, timeout, nodeFail, preempted,
    bootFail, deadline, outOfMemory,
  ]

  /// Slurm's words for all states.
  public static var words: [String] { numbered.map(\.rawValue) }

  /// - Parameter number: Slurm's `job_state`; its lowest eight bits are the base state.
  public init(number: UInt32) {
    let base = Int(number & 0xFF)
    self = Self.numbered.indices.contains(base) ? Self.numbered[base] : Self(rawValue: "UNKNOWN_\(base)")
  }

  public var description: String { rawValue }

  /// The job has not ended: it waits, runs, or is suspended.
  public var isActive: Bool { [.pending, .running, .suspended].contains(self) }

  /// The job has ended without success.
  public var isFailure: Bool { !isActive && self != .completed }

  /// Sort order for lists: successful jobs first, failed jobs last.
  public static func displayOrder(_ left: JobState, _ right: JobState) -> Bool {
    let order: [JobState] = [.completed, .running, .suspended, .pending]
    let (a, b) = (order.firstIndex(of: left) ?? order.count, order.firstIndex(of: right) ?? order.count)
    return a == b ? left.rawValue < right.rawValue : a < b
  }
}

/// The names of the flags in addition to the base state (`JOB_…` of slurm.h). Which flags exist depends on the
/// release.
public enum JobStateFlag {
  public static let completing = "COMPLETING"
  public static let requeue = "REQUEUE"

  /// A job with one of these flags will run again.
  public static let requeues: Set<String> = [requeue, "REQUEUE_HOLD", "REQUEUE_FED"]
  /// A job with one of these flags has not ended, even if its base state says so: processes still exist, or it will
  /// run again.
  public static let goingOn = requeues.union([completing])
}
