import ArgumentParser
import DuctDoctor
import DuctSettings
import RecordText
import SystemCalls

/// `con-duct doctor`.
struct DoctorSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check whether a run would work here.",
    discussion: """
      Looks at the log directory, the Kerberos ticket that it may need, the spool, what a logout does, Slurm and the \
      kernel, and prints a line for each. Starts no run, and leaves nothing in the log directory. Exit code 0: a run \
      works; 1: there are warnings; 2: the records of a run would not get where they belong.
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, json
  }

  @Option(name: [.short, .long], help: "text (a line for each finding) or json.")
  var format: Format = .text

  @Option(
    help: ArgumentHelp(
      "How long the run will take, to compare with the end of the ticket. (default: to the end of the Slurm job, if this is one)",
      valueName: "number"))
  var hours: Double?

  @Option(
    help: ArgumentHelp(
      "Where the spools are, as for duct. (environment: DUCT_SPOOL_DIR)", valueName: "directory"),
    completion: .directory)
  var spoolDir: String?

  @Flag(help: "The run replaces records that already exist, as duct does with this option.")
  var clobber = false

  @OptionGroup var slurm: SlurmArguments

  @Argument(
    help: ArgumentHelp(
      "The output prefix of the run. (default: as for duct; environment: DUCT_OUTPUT_PREFIX)",
      valueName: "prefix"))
  var prefix: String?

  func validate() throws {
    if let hours, !(hours > 0 && hours.isFinite) { throw ValidationError("--hours must be above 0") }
  }

  func run() throws {
    useOneHeap()
    let surroundings = Surroundings()
    let doctor = try Doctor(settings(surroundings), surroundings, hours: hours)
    let diagnosis = doctor.examine()
    switch format {
    case .text: try show(diagnosis.text)
    case .json: try show(diagnosis.json(indent: 2) + Array("\n".utf8))
    }
    if diagnosis.exitCode != 0 { throw ExitCode(diagnosis.exitCode) }
  }

  /// The settings of a run with these options.
  private func settings(_ surroundings: Surroundings) throws -> RunSettings {
    var options = RunOptions()
    func add(_ text: String?, to name: String) {
      if let text, let index = RunOption.index(of: name) { options.add(text, to: index) }
    }
    add(prefix, to: "--output-prefix")
    add(spoolDir, to: "--spool-dir")
    add(clobber ? "" : nil, to: "--clobber")
    add(slurm.slurmBy?.rawValue, to: "--slurm-by")
    add("\(slurm.slurmTimeout)", to: "--slurm-timeout")
    // A run has a command. It does not matter here which.
    options.command = [Array("doctor".utf8)]
    return try RunSettings(options, surroundings)
  }
}
