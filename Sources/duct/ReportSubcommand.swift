import ArgumentParser
import DuctReports
import DuctSettings
import RecordText
import SlurmClient

extension CampaignReport.Format: ExpressibleByArgument {}

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
  var format: CampaignReport.Format = .text

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
    let report = CampaignReport(
      runs, jobs: refreshed?.jobs ?? runs.map(\.jobs), problem: refreshed?.problem, lines: lines,
      width: format == .text ? terminalWidth.map { max($0 - CampaignReport.marginOfOutput, 20) } : nil)
    try show(report.text(format, width: terminalWidth))
  }
}
