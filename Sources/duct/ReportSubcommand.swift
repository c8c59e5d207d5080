import ArgumentParser
import DuctRecords
import DuctReports
import DuctSettings
import RecordText
import SlurmClient
import SlurmJobs
import SystemCalls

extension ReportForm: ExpressibleByArgument {
  public init?(argument: String) { self.init(word: argument) }
}

/// `con-duct report`.
struct ReportSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Report what became of runs and their Slurm jobs, and what they cost.",
    discussion: """
      Whether all ran; each failed job with its reason and the end of its output; time, CPU and memory that the jobs \
      used of what they asked for; what to ask for next time; groups of jobs, and every job.
      """)

  @Option(
    name: [.short, .long], help: "The form of the report. (default: as the name of the file says, else text)")
  var format: ReportForm?

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Write the report into this file; - is standard output. Can be given several times.", valueName: "file")
  )
  var output: [String] = []

  @Option(help: ArgumentHelp("Only runs of this campaign.", valueName: "name"))
  var campaign: String?

  @Option(help: ArgumentHelp("Compare with the runs of this campaign.", valueName: "name"))
  var compare: String?

  @Option(
    help: ArgumentHelp(
      "Only jobs in these states, in Slurm's words, separated by commas: FAILED,TIMEOUT.", valueName: "states"
    ))
  var state: String?

  @Option(
    help: ArgumentHelp(
      "Lines of a failed job's output: those that tell why, and the last ones.", valueName: "count"))
  var lines = 10

  @Flag(inversion: .prefixedNo, help: "Ask Slurm for the present states.")
  var refresh = true

  @Option(
    help: ArgumentHelp("Make HTML by this template (Mustache), and not by duct's own.", valueName: "file"))
  var template: String?

  @OptionGroup var sources: SourceArguments

  @OptionGroup var slurm: SlurmArguments

  @Argument(help: ArgumentHelp(RecordArguments.help, valueName: "path"))
  var paths: [String] = []

  func validate() throws {
    if lines < 0 { throw ValidationError("--lines cannot be negative") }
    if let compare, compare == campaign {
      throw ValidationError("--compare needs another campaign than --campaign")
    }
    _ = try StateChoice(state, program: "con-duct report")
  }

  func run() throws {
    let surroundings = Surroundings()
    let targets: [ReportTarget]
    let template: PageTemplate
    do throws(Problem) {
      targets = try ReportTarget.targets(output, form: format)
      template = try PageTemplate(file: self.template, surroundings)
    } catch {
      throw UsageError(error.description)
    }
    let by = try slurm.way(surroundings)
    let found = try sources.gather(
      paths, isMeant: { isInReport($0) || isCompared($0) }, refresh: refresh, surroundings, by,
      limit: slurm.slurmTimeout)
    try check(found)
    try write(report(found, targets), template, to: targets)
  }

  /// Tells what there is no report of.
  private func check(_ found: GatheredJobs) throws {
    if !found.sources.contains(where: isInReport) {
      if let problem = found.problem {
        tell("Slurm did not answer: \(problem)")
      } else if !found.isIncomplete {
        tell("there are no records of \(campaign.map { "runs of campaign \($0)" } ?? "such runs") here")
      }
      throw ExitCode(1)
    }
    if let compare, !found.sources.contains(where: isCompared) {
      tell("there are no records of runs of campaign \(compare) here, to compare with")
      throw ExitCode(1)
    }
  }

  /// Jobs of no run belong into the report.
  private func isInReport(_ source: ReportSource) -> Bool { source.run.map(isInReport) ?? true }

  private func isCompared(_ source: ReportSource) -> Bool { source.run.map(isCompared) ?? false }

  private func isInReport(_ run: RecordedRun) -> Bool {
    campaign.map { run.campaign == $0 } ?? (compare == nil || run.campaign != compare)
  }

  private func isCompared(_ run: RecordedRun) -> Bool { compare != nil && run.campaign == compare }

  private func report(
    _ found: GatheredJobs, _ targets: [ReportTarget]
  ) throws -> CampaignReport {
    let states = try StateChoice(state, program: "con-duct report")
    func sources(_ isIn: (ReportSource) -> Bool) -> [ReportSource] {
      found.sources.filter(isIn).map { $0.with(jobs: states.chosen($0.jobs)) }
    }
    // Output files need not be read for a form that does not show them.
    var contents = CampaignReport.Contents(lines: targets.contains { $0.form.hasOutputs } ? lines : 0)
    contents.onlyStates = states.words
    contents.unreadRecords = found.unreadRecords
    contents.allOutputs = targets.contains { $0.form.isForPrograms }
    // A terminal alone has a width. If programs read the lines too, the text is cut when it is written.
    if targets.allSatisfy({ $0.form == .text && $0.place == .standardOutput }) {
      contents.width = terminalWidth.map { max($0 - ReportForm.marginOfOutput, 20) }
    }
    var report = CampaignReport(sources(isInReport), problem: found.problem, contents)
    if let compare {
      let other = CampaignReport(
        sources(isCompared), problem: found.problem, CampaignReport.Contents(lines: 0))
      report.compare(with: other, named: compare)
    }
    return report
  }

  /// Files first: whoever reads standard output may stop reading.
  private func write(
    _ report: CampaignReport, _ template: PageTemplate, to targets: [ReportTarget]
  ) throws {
    var hasFailed = false
    for target in targets {
      guard case .file(let path) = target.place else { continue }
      do throws(Problem) {
        try ReportTarget.write(target.form.bytes(of: report, template: template), to: path)
      } catch {
        tell(error.description)
        hasFailed = true
      }
    }
    for target in targets where target.place == .standardOutput {
      let bytes: [UInt8]
      do throws(Problem) {
        bytes = try target.form.bytes(of: report, width: terminalWidth, template: template)
      } catch {
        tell(error.description)
        throw ExitCode(1)
      }
      try show(bytes)
    }
    if hasFailed { throw ExitCode(1) }
  }
}
