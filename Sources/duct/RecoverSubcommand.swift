import ArgumentParser
import DuctCore
import DuctReports
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage

/// `con-duct recover`.
struct RecoverSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover",
    abstract: "Deliver what runs could not write to their log directories.",
    discussion: """
      What a run could not write to its log directory waits on the disk of the host that the run was on. \
      recover carries it there, and finishes the info.json of runs whose duct was killed: their run_state \
      becomes interrupted, and the states of their jobs are asked for. It can be repeated and broken off at \
      any time; runs that go on are left alone. Without arguments it takes every run of this host.
      """)

  @Flag(help: "Show what waits, and deliver nothing.")
  var list = false

  @Flag(help: "With --list: print JSON.")
  var json = false

  @Option(
    help: ArgumentHelp("Deliver to this directory: the log directory has moved.", valueName: "directory"))
  var to: String?

  @Option(help: ArgumentHelp("Where the spools are, as for duct.", valueName: "directory"))
  var spoolDir: String?

  @Option(help: ArgumentHelp("Seconds that Slurm is waited for.", valueName: "seconds"))
  var slurmTimeout = RunSettings.Defaults.slurmTimeout

  @Option(help: ArgumentHelp("Seconds that the log directory is waited for.", valueName: "seconds"))
  var timeout = 60.0

  /// The relay of a run whose duct has gone calls so.
  @Flag(help: .hidden)
  var inherited = false

  @Option(help: .hidden)
  var lock: Int32?

  @Argument(
    help: ArgumentHelp(
      "A run: its prefix, its run_id, or its folder in the spool. Without one: all.", valueName: "run"))
  var runs: [String] = []

  func validate() throws {
    if list, to != nil { throw ValidationError("--to delivers; it does not go with --list") }
    if json, !list { throw ValidationError("--json goes with --list") }
    guard slurmTimeout > 0, timeout > 0 else { throw ValidationError("a time-out must be above 0") }
  }

  func run() throws {
    let surroundings = Surroundings()
    let limit = slurmTimeout
    let recovery = Recovery(surroundings, spoolDirectory: spoolDir) { path in
      guard let run = try? RecordedRun(reading: path), run.tag != nil || !run.jobs.isEmpty else { return nil }
      return JobRefresh([run], surroundings, limit: limit).jobs.first
    }
    let folders = try selected(recovery)
    if list { return try printList(recovery, folders) }
    var leftovers = false
    var busy = 0
    for folder in folders {
      let descriptor = lock.map { FileDescriptor(rawValue: $0) }
      let outcome = recovery.deliver(
        folder, to: to.map { FilePath(escaped: surroundings.expandHome($0)) }, lock: descriptor,
        // Who names a run wants it now; of all of them some may be running.
        patience: runs.isEmpty ? 1 : 5, limit: timeout)
      leftovers = tell(outcome, folder) || leftovers
      if case .busy = outcome { busy += 1 }
    }
    if runs.isEmpty, busy > 0 {
      print(
        "\(busy) \(busy == 1 ? "run goes" : "runs go") on, or \(busy == 1 ? "is" : "are") being recovered")
    }
    if leftovers { throw ExitCode(1) }
  }

  private func selected(_ recovery: Recovery) throws -> [FilePath] {
    if inherited { return runs.map { FilePath(escaped: $0) } }
    let known = recovery.folders
    if runs.isEmpty {
      if known.isEmpty, !json { print("Nothing waits on this host") }
      return known
    }
    var found: [FilePath] = []
    for word in runs {
      var meant = known.filter { recovery.isMeant($0, by: word) }
      // A folder in a spool of another place, as the message of its run names it.
      if meant.isEmpty, recovery.run(in: FilePath(escaped: word)) != nil { meant = [FilePath(escaped: word)] }
      if meant.isEmpty {
        complain("con-duct: nothing waits for \(word) on this host; see con-duct recover --list")
        throw ExitCode(1)
      }
      found += meant.filter { !found.contains($0) }
    }
    return found
  }

  private func printList(_ recovery: Recovery, _ folders: [FilePath]) throws {
    let waiting = folders.compactMap { recovery.run(in: $0) }
    if json {
      try show(String(decoding: RecordEncoder().line(waiting), as: UTF8.self))
      return
    }
    if waiting.isEmpty { return }
    var table = TextTable([
      ("RUN", .left), ("STATE", .left), ("STARTED", .left), ("BYTES", .right), ("FOR", .left),
    ])
    for run in waiting {
      table.add([
        run.runID, run.state.rawValue, WallTime(seconds: run.startTime).text(format: "%Y-%m-%d %H:%M:%S"),
        "\(run.bytes)", run.prefix,
      ])
    }
    try show(table.text)
  }

  /// Says what became of a run. True if something still waits.
  private func tell(_ outcome: Recovery.Outcome, _ folder: FilePath) -> Bool {
    switch outcome {
    case .delivered(let prefix, _):
      if !inherited { print("Delivered: \(prefix)") }
      return false
    case .empty: return false
    case .gone:
      if !inherited { print("Delivered by another: \(folder)") }
      return false
    case .busy:
      // Who asks for all does not ask for those that need nothing.
      if runs.isEmpty { return false }
      complain("con-duct: \(folder) is in use: its run goes on, or is being recovered")
      return true
    case .waiting(let prefix, let reasons):
      complain("con-duct: not everything could be delivered to \(prefix): \(reasons.joined(separator: "; "))")
      return true
    case .unreadable(let reason):
      complain("con-duct: \(folder) holds nothing that can be delivered: \(reason)")
      return true
    }
  }
}
