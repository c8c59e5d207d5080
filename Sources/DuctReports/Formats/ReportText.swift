internal import RecordText

/// The report for people, in the style of a terminal or of Markdown: what needs attention first, every job last.
struct ReportText {
  private let report: CampaignReport
  private let style: any TextStyle

  init(_ report: CampaignReport, style: any TextStyle) {
    self.report = report
    self.style = style
  }

  var text: String {
    let parts = [
      title, attention, cancelledByRun, advice, runs, steps, states, cost, pictures, groups, comparison, jobs,
      doubts,
    ]
    return parts.flatMap { $0 }.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private var head: ReportHead { report.head }

  private var title: [String] {
    [style.title(style.plain(head.heading)), style.list([style.plain(head.verdict)] + period)]
  }

  private var period: [String] {
    guard let first = head.firstSubmission else { return [] }
    let end = head.lastEnd.map { ", last end \(localTime($0))" } ?? ""
    let people = [("user", head.users), ("cluster", head.clusters)].compactMap { noun, names in
      names.isEmpty ? nil : "\(noun)\(names.count == 1 ? "" : "s") \(names.joined(separator: ", "))"
    }
    return [style.plain((["first submission \(localTime(first))\(end)"] + people).joined(separator: "; "))]
  }

  // MARK: Attention

  private var attention: [String] {
    if report.attention.isEmpty { return [] }
    return [style.heading("Jobs that need attention")] + report.attention.map(entry)
  }

  private var cancelledByRun: [String] {
    if report.cancelledByRun.isEmpty { return [] }
    return [
      style.heading("Cancelled by the run itself, which ended well"),
      style.list(report.cancelledByRun.map { style.plain($0.title) }),
    ]
  }

  private func entry(_ group: AttentionGroup) -> String {
    style.entry(
      style.plain(group.title), group.details.map(style.plain),
      outputs: group.shownOutputs.map { output($0, isOfSeveral: group.rows.count > 1) })
  }

  private func output(_ end: JobOutputEnd, isOfSeveral: Bool) -> String {
    let name = isOfSeveral ? "job \(style.plain(end.id)): " : ""
    guard let path = end.path else { return style.output("\(name)\(end.problem ?? "no output")", []) }
    if end.lines.isEmpty {
      return style.output("\(name)\(style.code(path)): \(style.plain(end.problem ?? "no output"))", [])
    }
    return style.output("\(name)from \(style.code(path)):", end.lines)
  }

  // MARK: Tables

  private var runs: [String] {
    let runs = report.runsOutsideOfSteps
    if runs.isEmpty { return [] }
    var table = TextTable([
      ("RUN", .left), ("COMMAND", .left), ("STATE", .left), ("EXIT", .right), ("WALL", .right),
      ("CPU", .right), ("PEAK MEM", .right), ("JOBS", .right),
    ])
    for run in runs {
      table.add([
        run.prefix, run.command.shortened(to: 40), run.shownState ?? "-",
        run.exitCode.map(String.init) ?? "-",
        run.wallClockTime.map(shortDuration) ?? "-", run.cpuSeconds.map(shortDuration) ?? "-",
        run.peakRSSBytes.map { memory(Double($0)) } ?? "-", run.jobs.grouped,
      ])
    }
    return [style.heading("Runs"), style.table(table)]
  }

  private var steps: [String] {
    if report.steps.isEmpty { return [] }
    let list = StepTable(report.steps)
    return [
      style.heading("Steps (median … largest of the tasks)"), style.table(list.table),
      list.remarks.isEmpty ? "" : style.list(list.remarks),
    ]
  }

  private var states: [String] {
    if head.states.isEmpty { return [] }
    var table = TextTable([("STATE", .left), ("JOBS", .right)])
    for state in head.states { table.add([state.state.rawValue, state.count.grouped]) }
    return [style.heading("Jobs by state"), style.table(table)]
  }

  private var cost: [String] {
    let lines = CostWords(head.totals).lines
    return lines.isEmpty ? [] : [style.heading("Time, CPU and memory"), style.list(lines)]
  }

  /// Columns of pictures in a file, which has no width.
  private static let widthOfPictures = 100

  private var pictures: [String] {
    if report.jobs.isEmpty { return [] }
    let pictures = ReportPictures(report)
    let width = min(max(style.width ?? Self.widthOfPictures, 40), 160)
    let all = (pictures.wide + pictures.small).flatMap { picture in
      [
        style.heading(style.plain(picture.title)),
        style.list([style.plain(picture.words.joined(separator: " "))]),
        style.picture(picture.blocks(width: width)),
      ]
    }
    return all + [style.list(pictures.problems.map(style.plain))]
  }

  // MARK: What to do, and the jobs one by one

  private var advice: [String] {
    if report.advice.isEmpty { return [] }
    return [style.heading("What to ask for next time")]
      + report.advice.map { advice in
        style.entry(
          style.plain("\(advice.group): \(advice.figures)"),
          [advice.line.map(style.code), style.plain(advice.effect)].compactMap { $0 }, outputs: [])
      }
  }

  private var groups: [String] {
    GroupTables.tables(report.groups, width: style.width).flatMap { title, table, rest in
      [
        style.heading(title), style.table(table),
        rest > 0 ? style.list(["\(rest.grouped) more: the form json has all groups."]) : "",
      ]
    }
  }

  private var comparison: [String] {
    guard let comparison = report.comparison else { return [] }
    return [
      style.heading("Compared with campaign \(style.plain(comparison.campaign)) (medians)"),
      style.table(GroupTables.table(comparison)),
    ]
  }

  private var jobs: [String] {
    if report.jobs.isEmpty { return [] }
    let list = JobTable(report.jobs)
    return [
      style.heading("Jobs (medians of the tasks of an array)"), style.table(list.table),
      list.rest.map { style.list([$0]) } ?? "",
    ]
  }

  private var doubts: [String] { [style.list(head.doubts.map(style.plain))] }
}
