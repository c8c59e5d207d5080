internal import DuctRecords
import Glibc
internal import Logging
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls

/// What Slurm does with the job that duct itself runs in.
enum OwnJobNews: Sendable, Equatable {
  /// Nothing that ends the command.
  case goesOn
  case ends(EndReason)
  /// Slurm did not answer in time, or does not know the job.
  case unknown
}

/// A question to slurmctld for the job that duct itself runs in. duct asks it once, and only after the command has ended
/// by a signal or after a SIGTERM.
struct OwnJobQuestion: Sendable {
  /// Seconds. Slurm kills duct after KillWait, which may be 3 s. A signal does not shorten this: Slurm itself sends one.
  static let limit = 2.0

  private let id: UInt32
  /// How many times the job had been requeued when duct began.
  private let restarts: Int
  private let access: SlurmAccess
  private let log: Logger

  /// Nil if duct runs in no job.
  init?(_ environment: [String: String], access: SlurmAccess, log: Logger) {
    guard let id = environment["SLURM_JOB_ID"].flatMap({ UInt32($0) }) else { return nil }
    self.id = id
    restarts = environment["SLURM_RESTART_COUNT"].flatMap { Int($0) } ?? 0
    self.access = access
    self.log = log
  }

  /// Waits for the answer.
  func ask() -> OwnJobNews {
    let deadline = MonotonicInstant.now + Self.limit
    do throws(SlurmFailure) {
      guard let job = try record(.jobs(ids: [id]), until: deadline) else { return .unknown }
      if let reason = EndReason(job, restarts: restarts) { return .ends(reason) }
      guard EndReason.isHidden(job) else { return .goesOn }
      return try accounted(job, until: deadline)
    } catch {
      log.debug("Slurm does not say why job \(id), which duct runs in, ends: \(error)")
      return .unknown
    }
  }
}

extension OwnJobQuestion {
  /// Seconds between two questions to slurmdbd.
  private static let pause = 0.2

  /// What slurmdbd says of the end of the job. It gets to know the end soon after slurmctld has decided it.
  private func accounted(_ job: JobRecord, until deadline: MonotonicInstant) throws(SlurmFailure)
    -> OwnJobNews
  {
    while true {
      let job = try record(.accountingJobs(ids: [id], cluster: job.cluster), until: deadline)
      // For some seconds after its start, a job can still be PENDING there.
      if let job, !job.state.isActive, let reason = EndReason(job, restarts: restarts) {
        return .ends(reason)
      }
      if job?.state.isActive == false || deadline <= .now + Self.pause { return .unknown }
      usleep(UInt32(Self.pause * 1e6))
    }
  }

  /// What Slurm has of the job; nil if it does not know the job.
  private func record(
    _ request: SlurmRequest, until deadline: MonotonicInstant
  ) throws(SlurmFailure) -> JobRecord? {
    let answer = try access.ask(request, until: deadline)
    guard let job = answer.record(ofJob: id) else { return nil }
    let state = ([job.state.rawValue] + job.stateFlags).joined(separator: "+")
    log.debug("Slurm says of job \(id), which duct runs in: \(state)")
    return job
  }
}

extension EndReason {
  init(_ cause: ChildExit.Cause) {
    self =
      switch cause {
      case .exited: .exited
      case .killed: .signaled
      }
  }
}

extension ChildExit {
  /// A signal ended the command, or one of its own children: a shell then ends with 128 and the number of the signal.
  var mayBeOfSlurm: Bool {
    switch cause {
    case .killed: true
    case .exited(let code): code == 128 + SIGTERM || code == 128 + SIGKILL
    }
  }
}
