internal import SystemCalls

/// How a job ended, or what it does if it has not ended.
public enum EndCause: Sendable, Hashable {
  case completed
  /// The script succeeded, but one of the job's steps failed.
  case stepFailed(StepFailure)
  /// The exit code of the script, not 0. Shells make 128 plus its number of a signal that ended a command.
  case exitCode(Int)
  /// The signal that ended the script.
  case signal(Int)
  case timeLimit
  case outOfMemory
  /// SIGKILL ended it after it had used nearly all of its memory. Without cgroups, Slurm does not say more.
  case probablyOutOfMemory
  case nodeFailure
  case bootFailure
  case deadline
  case preempted
  /// - Parameter by: the uid of the user who cancelled it; nil if it is not known.
  case cancelled(by: UInt32?)
  case cancelledWhileWaiting
  /// Slurm ended it, or refused it.
  ///
  /// - Parameter reason: Slurm's word for it.
  case failed(reason: String?)
  /// It waits, and does not start until somebody changes something.
  ///
  /// - Parameter reason: Slurm's word for it.
  case neverStarts(reason: String)
  /// - Parameter reason: Slurm's word for what it waits for.
  case waiting(reason: String?)
  case running
  case suspended
  /// A state of a later Slurm release.
  case unknown(JobState)

  /// How a step of a job failed.
  public enum StepFailure: Sendable, Hashable {
    case exitCode(Int)
    case signal(Int)
    case outOfMemory
    case probablyOutOfMemory
  }

  public init(_ job: JobRecord) {
    self =
      switch job.state {
      case .completed: job.hasFailedStep ? .stepFailed(Self.stepFailure(job)) : .completed
      case .failed: Self.failure(job)
      // Slurm has no state of its own for a job whose srun or salloc does not answer.
      case .timeout where job.stateReason == "InactiveLimit": .failed(reason: job.stateReason)
      case .timeout: .timeLimit
      case .outOfMemory: .outOfMemory
      case .nodeFail: .nodeFailure
      case .bootFail: .bootFailure
      case .deadline: .deadline
      case .preempted: .preempted
      case .cancelled: job.startTime == nil ? .cancelledWhileWaiting : .cancelled(by: job.cancelledBy)
      case .pending: Self.wait(job)
      case .running: .running
      case .suspended: .suspended
      default: .unknown(job.state)
      }
  }

  private static func failure(_ job: JobRecord) -> EndCause {
    // The script can fail because a step was out of memory.
    if job.derivedState == .outOfMemory { return .outOfMemory }
    if job.wasProbablyOutOfMemory(exitCode: job.exitCode, signal: job.signal) { return .probablyOutOfMemory }
    if let signal = job.signal, signal != 0 { return .signal(signal) }
    if let exitCode = job.exitCode, exitCode != 0 { return .exitCode(exitCode) }
    return .failed(reason: job.stateReason)
  }

  private static func stepFailure(_ job: JobRecord) -> StepFailure {
    // Slurm reports no other state of a step.
    if job.derivedState != nil { return .outOfMemory }
    if job.wasProbablyOutOfMemory(exitCode: job.derivedExitCode, signal: job.derivedSignal) {
      return .probablyOutOfMemory
    }
    if let signal = job.derivedSignal, signal != 0 { return .signal(signal) }
    return .exitCode(job.derivedExitCode ?? 0)
  }

  private static func wait(_ job: JobRecord) -> EndCause {
    if let reason = job.stateReason, StateReason.neverStarts(job) { return .neverStarts(reason: reason) }
    return .waiting(reason: job.stateReason)
  }
}

extension EndCause {
  /// A phrase in lower case without a full stop.
  public var text: String {
    switch self {
    case .completed: "completed"
    case .stepFailed(let step): "completed, but a step \(step.text)"
    case .exitCode(let code): Self.text(exitCode: code)
    case .signal(let signal): Self.text(signal: signal)
    case .timeLimit: "time limit reached"
    case .outOfMemory: "out of memory"
    case .probablyOutOfMemory: "probably out of memory: \(Self.killed)"
    case .nodeFailure: "one of its nodes failed"
    case .bootFailure: "one of its nodes did not boot"
    case .deadline: "could not end before its deadline"
    case .preempted: "stopped to make room for another job (preempted)"
    case .cancelled(let user): user.map { "cancelled by the user with uid \($0)" } ?? "cancelled"
    case .cancelledWhileWaiting: "cancelled while it waited"
    case .failed(let reason): Self.text("failed", reason)
    case .neverStarts(let reason): Self.text("does not start", reason)
    case .waiting(let reason): Self.text("waiting", reason)
    case .running: "running"
    case .suspended: "suspended"
    case .unknown(let state): "in the state \(state), which duct does not know"
    }
  }

  fileprivate static let killed = "killed (SIGKILL) after it had used 95 % or more of its memory"

  private static func text(_ phrase: String, _ reason: String?) -> String {
    reason.map { "\(phrase): \(StateReason($0).text)" } ?? phrase
  }

  /// `exit code 3`, `exit code 137: signal 9 (SIGKILL)`.
  fileprivate static func text(exitCode: Int) -> String {
    let plain = "exit code \(exitCode)"
    guard (129...192).contains(exitCode), name(ofSignal: exitCode - 128) != nil else { return plain }
    return "\(plain): \(text(signal: exitCode - 128))"
  }

  /// `signal 9 (SIGKILL)`, or `signal 40` if it has no name.
  fileprivate static func text(signal: Int) -> String {
    "signal \(signal)" + (name(ofSignal: signal).map { " (\($0))" } ?? "")
  }

  private static func name(ofSignal number: Int) -> String? {
    guard let name = CInt(exactly: number).map(signalName), name != "\(number)" else { return nil }
    return "SIG" + name
  }
}

extension EndCause.StepFailure {
  /// The rest of a sentence that begins with "a step".
  fileprivate var text: String {
    switch self {
    case .exitCode(let code): "ended with \(EndCause.text(exitCode: code))"
    case .signal(let signal): "was ended by \(EndCause.text(signal: signal))"
    case .outOfMemory: "was out of memory"
    case .probablyOutOfMemory: "was probably out of memory: \(EndCause.killed)"
    }
  }
}

extension JobRecord {
  private static let fullShare = 0.95

  /// SIGKILL ended it, and its memory was nearly full.
  fileprivate func wasProbablyOutOfMemory(exitCode: Int?, signal: Int?) -> Bool {
    guard signal == 9 || exitCode == 128 + 9, let requested = memoryRequestedBytes, requested > 0,
      let peak = maxRSSAllTasksBytes ?? maxRSSBytes
    else { return false }
    return Double(peak) / Double(requested) >= Self.fullShare
  }
}
