internal import DuctRun
internal import RecordText
internal import SlurmJobs

/// What is known of Slurm on this host.
struct SlurmFacts: Sendable {
  /// An answer, and how long it took.
  enum Answer<Value: Sendable>: Sendable {
    case value(Value, seconds: Double)
    case failure(SlurmFailure, seconds: Double)
    /// It was not asked.
    case none
  }

  /// `--slurm off`.
  var isOff = false
  /// `--slurm on`: the user expects one.
  var isWanted = false
  /// Where slurm.conf is.
  var configuration: String?
  /// Whether Slurm's commands are in PATH.
  var hasCommands = false
  /// Reading slurm.conf did not end.
  var hangs = false
  /// Whether a run would tag its jobs; nil: not known, because slurm.conf was not found.
  var tag: TagDecision?
  var controller = Answer<ClusterConfiguration>.none
  /// How the controller was asked.
  var way: SlurmWay?
  /// Why the helper could not be used, although commands could.
  var helperFailure: SlurmFailure?
  var accounting = Answer<Int>.none
  /// When the job ends that this process is in, in seconds since 1970. Nil if it is in none, or if the environment
  /// tells it already.
  var jobEnd: Double?

  var findings: [Finding] {
    if isOff {
      return [note("off", "jobs are not recorded: Slurm is set off", "Leave out --slurm off, DUCT_SLURM")]
    }
    if hangs {
      return [
        warning(
          "configuration", "slurm.conf cannot be read in time", "Ask the administrators about its file system"
        )
      ]
    }
    if isWithoutConfiguration {
      return [
        Finding(
          .slurm, "configuration", isWanted ? .warning : .note,
          "a run finds no Slurm here: there is no slurm.conf (SLURM_CONF, /etc/slurm)"
            + (hasCommands ? ", and Slurm's commands find none either" : ""),
          advice: "If there is a Slurm, set SLURM_CONF, or PATH (module load slurm)")
      ]
    }
    let place = Finding(
      .slurm, "configuration",
      ok: configuration.map { "the configuration is \($0)" }
        ?? "Slurm's commands find the configuration themselves")
    var found = [place, controllerFinding, helper, accountingFinding, tagFinding].compactMap { $0 }
    if case .value(let settings, _) = controller {
      found += SlurmSettings(settings, isAccounted: isAccounted).findings
    }
    return found
  }

  /// Whether there is neither a file nor, for Slurm's commands, another configuration.
  private var isWithoutConfiguration: Bool {
    guard configuration == nil else { return false }
    if case .failure(let failure, _) = controller { return failure.kind == .noConfiguration }
    return !hasCommands
  }

  /// slurmdbd answers.
  private var isAccounted: Bool {
    if case .value = accounting { true } else { false }
  }

  private func note(_ check: String, _ text: String, _ advice: String) -> Finding {
    Finding(.slurm, check, .note, text, advice: advice)
  }

  private func warning(_ check: String, _ text: String, _ advice: String) -> Finding {
    Finding(.slurm, check, .warning, text, advice: advice)
  }

  private static func milliseconds(_ seconds: Double) -> String { "\(fixed(seconds * 1000, decimals: 0)) ms" }

  private var controllerFinding: Finding? {
    switch controller {
    case .none: return nil
    case .value(let settings, let seconds):
      let name = settings.clusterName.map { " of cluster \($0)" } ?? ""
      let release = settings.controllerVersion.map { " \($0)" } ?? ""
      return Finding(
        .slurm, "controller", ok: "slurmctld\(release)\(name) answers in \(Self.milliseconds(seconds))")
    case .failure(let failure, let seconds):
      return warning(
        "controller", "slurmctld does not answer (after \(Self.milliseconds(seconds))): \(failure)",
        advice(failure))
    }
  }

  private func advice(_ failure: SlurmFailure) -> String {
    switch failure.kind {
    case .noConfiguration: "Set SLURM_CONF, or have slurm.conf made readable"
    case .noCommand: "Put Slurm's commands into PATH (module load slurm)"
    case .noHelper, .wrongLibrary, .otherRelease, .helperDied, .rubbish:
      "Install the duct of this release of Slurm, or use --slurm-by commands"
    case .timeout, .slurm:
      "Try scontrol ping, and ask the administrators; until then, a run records no states of its jobs"
    }
  }

  private var helper: Finding? {
    if let helperFailure {
      return warning(
        "helper", "Slurm's commands are asked, because the helper cannot be used: \(helperFailure)",
        "Install the duct of this release of Slurm: questions then cost less")
    }
    guard case .value(let settings, _) = controller else { return nil }
    guard way == .library else {
      return Finding(.slurm, "helper", ok: "Slurm is asked by its commands (--slurm-by)")
    }
    return Finding(
      .slurm, "helper", ok: "duct-slurm with libslurm \(settings.libraryVersion ?? "") fits the controller")
  }

  private var accountingFinding: Finding? {
    switch accounting {
    case .none: return nil
    case .value(_, let seconds):
      return Finding(.slurm, "accounting", ok: "the accounting answers in \(Self.milliseconds(seconds))")
    case .failure(let failure, let seconds):
      if case .value(let settings, _) = controller, settings.accountingStorage?.hasSuffix("/none") ?? false {
        return note(
          "accounting", "this Slurm keeps no accounting",
          "Expect no memory and CPU time of jobs, and no state of those that ended long ago")
      }
      return warning(
        "accounting", "the accounting does not answer (after \(Self.milliseconds(seconds))): \(failure)",
        "Try sacct; con-duct jobs and report ask it again later")
    }
  }

  private var tagFinding: Finding? {
    switch tag {
    case nil: nil
    case .set: Finding(.slurm, "tag", ok: "a run tags its jobs (wckey)")
    case .off(let reason):
      note(
        "tag", "a run does not tag its jobs: \(reason)",
        "Expect that jobs which are submitted by jobs, or without output and session in common, are not found"
      )
    }
  }
}

/// Settings of slurmctld that matter to the records of jobs.
struct SlurmSettings: Sendable {
  private let settings: ClusterConfiguration
  private let isAccounted: Bool

  init(_ settings: ClusterConfiguration, isAccounted: Bool) {
    (self.settings, self.isAccounted) = (settings, isAccounted)
  }

  var findings: [Finding] { [age, tracking, gathering].compactMap { $0 } }

  /// Slurm forgets no job if the age is 0.
  private var age: Finding? {
    guard let age = settings.minJobAge else { return nil }
    let pause = RunForecast.longestPollPause
    let text = "slurmctld keeps ended jobs for \(age) s (MinJobAge)"
    if age == 0 { return Finding(.slurm, "min_job_age", ok: "slurmctld keeps ended jobs (MinJobAge=0)") }
    if Double(age) > pause {
      return Finding(
        .slurm, "min_job_age", ok: "\(text); a run asks at least each \(fixed(pause, decimals: 0)) s")
    }
    let late =
      "\(text), and a run asks each \(fixed(pause, decimals: 0)) s at most: it can miss the end of a job"
    return isAccounted
      ? Finding(
        .slurm, "min_job_age", .note, late,
        advice: "Nothing to do while the accounting answers: it is asked then")
      : Finding(
        .slurm, "min_job_age", .warning, late,
        advice: "Ask the administrators for a larger MinJobAge, or slurmdbd")
  }

  private var tracking: Finding? {
    guard let plugin = settings.processTracking else { return nil }
    if plugin.hasSuffix("cgroup") {
      return Finding(.slurm, "cgroups", ok: "Slurm has the processes of jobs in control groups (\(plugin))")
    }
    return Finding(
      .slurm, "cgroups", .note, "Slurm has no control groups for jobs (\(plugin))",
      advice: "Expect no limits of jobs in the records, and that processes can escape the end of their job")
  }

  private var gathering: Finding? {
    guard let plugin = settings.usageGatherer else { return nil }
    if plugin.hasSuffix("/none") {
      return Finding(
        .slurm, "usage", .note, "Slurm does not measure the memory of jobs (JobAcctGatherType=\(plugin))",
        advice: "Start duct inside of jobs, too, to have it measured")
    }
    let interval = Self.interval(settings.usageFrequency)
    guard let interval else { return Finding(.slurm, "usage", ok: "Slurm measures jobs by \(plugin)") }
    if interval == 0 {
      return Finding(
        .slurm, "usage", .note, "Slurm measures jobs only at their end (JobAcctGatherFrequency=0)",
        advice: "Submit with --acctg-freq=task=30, or start duct inside of jobs, to know their peak memory")
    }
    let text = "Slurm measures the memory of jobs each \(interval) s (\(plugin))"
    if interval <= Self.usualInterval { return Finding(.slurm, "usage", ok: text) }
    return Finding(
      .slurm, "usage", .note, text,
      advice: "Expect no peak memory of shorter jobs; sbatch --acctg-freq=task=30 measures more often")
  }

  /// Slurm's default, in seconds.
  private static let usualInterval = 30

  /// The seconds between two measurements of tasks: of `30`, or of `task=30,network=60`.
  static func interval(_ frequency: String?) -> Int? {
    for part in (frequency ?? "").split(separator: ",") {
      if let number = Int(part) { return number }
      if part.lowercased().hasPrefix("task=") { return Int(part.dropFirst(5)) }
    }
    return nil
  }
}
