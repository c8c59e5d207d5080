internal import DuctRecords
import Glibc
internal import Logging
internal import ProcessSampling
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls

/// A question to Slurm for how a job ended whose processes duct has watched (`con-duct attach --job`). They are no
/// children of duct, so the kernel does not tell.
struct AttachedJob: Sendable {
  /// Seconds. The processes have ended, and slurmctld knows soon how.
  private static let limit = 10.0
  /// Seconds between two questions.
  private static let pause = 0.5

  /// How the job ended.
  struct Ending: Sendable, Equatable {
    /// As a shell has it. Nil if the job goes on elsewhere, or if duct watched a step: of steps, Slurm's answer has
    /// the highest code only.
    var exitCode: Int?
    /// Nil if the processes just ended.
    var reason: EndReason?
  }

  private let id: UInt32
  /// Whether what ran is the whole job on this host, or its script.
  private let isWhole: Bool
  private let restarts: Int
  private let search: SlurmSetup.Search
  private let access: SlurmAccess
  private let log: Logger

  /// - Parameters:
  ///   - step: what duct watches of the job.
  ///   - restarts: how many times the job had been requeued when duct began.
  init(
    _ step: StepName, restarts: Int, _ search: SlurmSetup.Search, access: SlurmAccess, log: Logger
  ) {
    id = step.job
    isWhole = step.step == nil || step.step == "batch"
    self.restarts = restarts
    self.search = search
    self.access = access
    self.log = log
  }

  /// Waits until Slurm knows the end, or until the limit.
  func ending(_ patience: FinalPatience) -> Ending {
    let deadline = patience.deadline(Self.limit)
    let access = access.with(configuration: search.configuration)
    do throws(SlurmFailure) {
      while true {
        let answer = try access.ask(.jobs(ids: [id]), until: deadline)
        guard let job = answer.record(ofJob: id) else { break }
        let reason = EndReason(job, restarts: restarts)
        // While it is COMPLETING, slurmctld may not know the end of the script yet. And its other nodes may be busy for
        // long.
        let isOver = job.hasEnded || reason == .requeued || reason == .preempted
        let isLate = deadline <= .now + Self.pause || patience.isHurried
        if isOver || isLate || !isWhole {
          return Ending(exitCode: isWhole ? job.shellCode : nil, reason: reason)
        }
        usleep(UInt32(Self.pause * 1e6))
      }
      log.debug("Slurm does not say how job \(id) ended")
    } catch {
      log.debug("Slurm does not say how job \(id) ended: \(error)")
    }
    return Ending()
  }
}

extension JobRecord {
  /// The exit code of the job's script as a shell has it; nil while the job goes on.
  fileprivate var shellCode: Int? {
    guard !state.isActive else { return nil }
    return signal.flatMap { $0 > 0 ? 128 + $0 : nil } ?? exitCode
  }
}
