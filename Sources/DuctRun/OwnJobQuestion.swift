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
      // slurmdbd gets the end of a job as soon as slurmctld ends it.
      let accounted = try record(.accountingJobs(ids: [id], cluster: job.cluster), until: deadline)
      return accounted.flatMap { EndReason($0, restarts: restarts) }.map { .ends($0) } ?? .unknown
    } catch {
      log.debug("Slurm does not say why job \(id), which duct runs in, ends: \(error)")
      return .unknown
    }
  }
}

extension OwnJobQuestion {
  /// What Slurm has of the job; nil if it does not know the job.
  private func record(
    _ request: SlurmRequest, until deadline: MonotonicInstant
  ) throws(SlurmFailure) -> JobRecord? {
    // For the first task of an array, and the first component of a heterogeneous job, Slurm sends the others, too.
    let answer = try access.ask(request, until: deadline)
    guard let job = answer.jobs.last(where: { $0.record.jobID == id })?.record else { return nil }
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
