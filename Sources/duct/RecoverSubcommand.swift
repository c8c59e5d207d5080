import ArgumentParser
import DuctRecords
import DuctReports
import DuctSettings
import LogDelivery
import RecordText
import SlurmClient
import SlurmJobs
import SystemCalls
import SystemPackage

/// `con-duct recover`.
struct RecoverSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Deliver what runs could not write to their log directories.",
    discussion: """
      What a run could not write to its log directory waits on the disk of its host. recover delivers it, and \
      finishes the info.json of runs whose duct was killed: their run_state becomes interrupted, and Slurm is \
      asked for the states of their jobs. You can repeat it, and interrupt it at any time. It does not touch runs \
      that are still running. Without arguments it recovers all runs of this host.
      """)

  @Flag(help: "Show what waits, and deliver nothing.")
  var list = false

  @Flag(help: "With --list: print JSON.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Deliver to this directory, because the log directory has moved.", valueName: "directory"))
  var to: String?

  @Option(
    help: ArgumentHelp(
      "Where the spools are, as for duct. (environment: DUCT_SPOOL_DIR)", valueName: "directory"),
    completion: .directory)
  var spoolDir: String?

  @OptionGroup var slurm: SlurmArguments

  @Option(help: ArgumentHelp("Seconds to wait for the log directory.", valueName: "seconds"))
  var timeout = 60.0

  /// Set by the relay of a run whose duct is gone, which starts this subcommand.
  @Flag(help: .hidden)
  var inherited = false

  @Option(help: .hidden)
  var lock: Int32?

  @Option(help: .hidden)
  var stdoutLog: Int32?

  @Option(help: .hidden)
  var stderrLog: Int32?

  @Argument(
    help: ArgumentHelp(
      "A run (its prefix, its run_id, or its folder in the spool) or a log directory. Without one: all runs.",
      valueName: "run"))
  var runs: [String] = []

  func validate() throws {
    if list, to != nil { throw ValidationError("--to delivers; it does not go with --list") }
    if json, !list { throw ValidationError("--json goes with --list") }
    if !(timeout > 0 && timeout.isFinite) { throw ValidationError("--timeout must be above 0") }
  }

  func run() throws {
    outliveFileSizeLimit()
    let surroundings = Surroundings()
    let (by, limit) = (try slurm.way(surroundings), slurm.slurmTimeout)
    let recovery = Recovery(
      spool: RunSettings.spoolDirectory(spoolDir, surroundings), environment: surroundings.environment
    ) { path in
      guard let run = try? RecordedRun(reading: path), run.tag != nil || !run.jobs.isEmpty else { return nil }
      return JobRefresh([run], surroundings, by: by, limit: limit).jobs.first
    }
    let refusals = inherited ? [] : recovery.refusals
    for refusal in refusals { tell(refusal) }
    let isSure = refusals.isEmpty
    if list {
      try printList(listed(recovery), isSure: isSure)
      if !isSure { throw ExitCode(1) }
      return
    }
    var (folders, leftovers) = selected(recovery, surroundings, isSure: isSure)
    leftovers = leftovers || !isSure
    var (busy, empty) = (0, 0)
    for folder in folders {
      let descriptor = lock.map { FileDescriptor(rawValue: $0) }
      let outcome = recovery.deliver(
        folder, to: to.map { FilePath(escaped: surroundings.expandHome($0)) }, lock: descriptor,
        logs: [stdoutLog, stderrLog].map { $0.map { FileDescriptor(rawValue: $0) } },
        // A run that the user names is worth waiting for. Of all runs, some may still be running.
        patience: runs.isEmpty ? 1 : 5, limit: timeout)
      leftovers = report(outcome, folder) || leftovers
      if case .busy = outcome { busy += 1 }
      if case .empty = outcome { empty += 1 }
    }
    if empty == folders.count, empty > 0, !inherited, isSure { print("Nothing waits on this host") }
    if runs.isEmpty, busy > 0 {
      print(
        "\(busy) \(busy == 1 ? "run goes" : "runs go") on, or \(busy == 1 ? "is" : "are") being recovered")
    }
    if leftovers { throw ExitCode(1) }
  }

  // MARK: Which runs

  /// The folders that the arguments name, and whether one of them names none although its run is not complete.
  private func selected(
    _ recovery: Recovery, _ surroundings: Surroundings, isSure: Bool
  ) -> (folders: [FilePath], hasTrouble: Bool) {
    if inherited { return (runs.map { FilePath(escaped: $0) }, false) }
    let known = recovery.folders
    if runs.isEmpty {
      if known.isEmpty, isSure { print("Nothing waits on this host") }
      return (known, false)
    }
    var found: [FilePath] = []
    var hasTrouble = false
    for word in runs {
      let meant = Self.meant(by: word, among: known, recovery)
      if meant.isEmpty { hasTrouble = !isDelivered(word, surroundings) || hasTrouble }
      found += meant.filter { !found.contains($0) }
    }
    return (found, hasTrouble)
  }

  private static func meant(by word: String, among known: [FilePath], _ recovery: Recovery) -> [FilePath] {
    let meant = recovery.meant(by: word, among: known)
    // The message of a run can name a folder in a spool at another place.
    return meant.isEmpty && Recovery.isFolderOfRun(word) ? [FilePath(escaped: word)] : meant
  }

  /// Reports what the records say about a run that has nothing in a spool. False unless its record is complete.
  private func isDelivered(_ word: String, _ surroundings: Surroundings) -> Bool {
    let found = RunFinder([word], surroundings)
    guard !found.runs.isEmpty else {
      if Recovery.isFolderThatIsGone(word) {
        tell("\(word) is not there: either all of its run has been delivered, or it was removed")
        return false
      }
      let reasons = found.problems.map { "\($0)" }.joined(separator: "; ")
      tell(
        "nothing is known of \(word): nothing waits for it on this host (see con-duct recover --list), and \(reasons)"
      )
      return false
    }
    let running = found.runs.filter { $0.state == "running" }
    for run in running {
      let host = run.field("hostname")?.string
      if let host, host != fullHostName() {
        tell("the record of \(run.prefix) says that it is running, on \(host): recover it there")
      } else {
        tell(
          "the record of \(run.prefix) says that it is running, and nothing of it is in a spool of this host: if its process has gone, the record is all that is left, and stays as it is"
        )
      }
    }
    guard running.isEmpty else { return false }
    let count = found.runs.count
    let records = count == 1 ? "its record is" : "its \(count) records are"
    print("Nothing waits for \(word), and \(records) complete".forDisplay)
    return true
  }

  // MARK: --list

  private func listed(_ recovery: Recovery) throws -> [WaitingRun] {
    if runs.isEmpty { return recovery.runs }
    let known = recovery.folders
    return try runs.flatMap { word in
      let found = Self.meant(by: word, among: known, recovery).compactMap { recovery.run(in: $0) }
      if found.isEmpty {
        tell("nothing waits for \(word) on this host; see con-duct recover --list")
        throw ExitCode(1)
      }
      return found
    }
  }

  private func printList(_ waiting: [WaitingRun], isSure: Bool) throws {
    if json {
      try show(String(decoding: waiting.json(), as: UTF8.self) + "\n")
      return
    }
    if waiting.isEmpty {
      if isSure { print("Nothing waits on this host") }
      return
    }
    var table = TextTable([
      ("RUN", .left), ("STATE", .left), ("STARTED", .left), ("BYTES", .right), ("FOR", .left),
    ])
    for run in waiting {
      table.add([
        run.runID, run.state.rawValue,
        run.startTime > 0 ? WallTime(seconds: run.startTime).text(format: "%Y-%m-%d %H:%M:%S") : "-",
        "\(run.bytes)", run.prefix,
      ])
    }
    try show(table.text)
    for run in waiting {
      if let problem = run.problem { tell("\(run.spool): \(problem)") }
    }
  }

  // MARK: Outcomes

  /// Reports the outcome for a run. True if something still waits.
  private func report(_ outcome: Recovery.Outcome, _ folder: FilePath) -> Bool {
    switch outcome {
    case .delivered(let prefix, let notes):
      for note in notes { tell(note) }
      if !inherited { print("Delivered: \(prefix)".forDisplay) }
      return false
    case .empty: return false
    case .gone:
      if !inherited { print("Delivered by another: \(folder)".forDisplay) }
      return false
    case .busy:
      // A user who wants all runs recovered does not mean those that are still running.
      if runs.isEmpty { return false }
      tell("\(folder) is in use: its run goes on, or is being recovered")
      return true
    case .waiting(let prefix, let reasons, let notes):
      for note in notes { tell(note) }
      tell("not everything could be delivered to \(prefix): \(reasons.joined(separator: "; "))")
      return true
    case .unusable(let reason):
      tell("cannot recover \(folder): \(reason)")
      return true
    }
  }
}
