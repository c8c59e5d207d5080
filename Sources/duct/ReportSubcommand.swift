import ArgumentParser
import DuctReports
import DuctSettings
import RecordText
import SlurmClient

extension ReportForm: ExpressibleByArgument {
  public init?(argument: String) { self.init(word: argument) }
}

/// `con-duct report`.
struct ReportSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Report how runs and their Slurm jobs ended.",
    discussion: """
      Totals by state, run time and waiting time, CPU and memory used of what the jobs requested, and each failed \
      job with its reason and the end of its output.
      """)

  @Option(name: [.short, .long], help: "The form of the report.")
  var format: ReportForm = .text

  @Option(help: ArgumentHelp("Only runs of this campaign.", valueName: "name"))
  var campaign: String?

  @Option(
    help: ArgumentHelp(
      "Lines of a failed job's output: those that tell why, and the last ones.", valueName: "count"))
  var lines = 10

  @Flag(inversion: .prefixedNo, help: "Ask Slurm for the present states.")
  var refresh = true

  @OptionGroup var slurm: SlurmArguments

  @Argument(help: ArgumentHelp(RecordArguments.help, valueName: "path"))
  var paths: [String] = []

  func validate() throws {
    if lines < 0 { throw ValidationError("--lines cannot be negative") }
  }

  func run() throws {
    let surroundings = Surroundings()
    let by = try slurm.way(surroundings)
    let finder = RecordArguments.find(paths, surroundings)
    let runs = finder.runs.filter { campaign == nil || $0.campaign == campaign }
    if runs.isEmpty {
      if finder.problems.isEmpty {
        tell("there are no records of runs here\(campaign.map { " of campaign \($0)" } ?? "")")
      }
      throw ExitCode(1)
    }
    let refreshed = refresh ? JobRefresh(runs, surroundings, by: by, limit: slurm.slurmTimeout) : nil
    let sources = zip(runs, refreshed?.jobs ?? runs.map(\.jobs)).map { ReportSource($0, jobs: $1) }
    var contents = CampaignReport.Contents(
      lines: lines,
      width: format == .text ? terminalWidth.map { max($0 - ReportForm.marginOfOutput, 20) } : nil)
    contents.allOutputs = format.isForPrograms
    let report = CampaignReport(sources, problem: refreshed?.problem, contents)
    try show(format.bytes(of: report, width: terminalWidth))
  }
}
