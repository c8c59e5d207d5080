internal import RecordText
internal import SlurmJobs

/// The report as text for a terminal, or as Markdown.
extension CampaignReport {
  public enum Format: String, Sendable, CaseIterable {
    case text, markdown, json
  }

  /// Columns that stand before each line of a job's output in text.
  public static let marginOfOutput = 6

  /// - Parameter width: columns of the terminal that tables of text must fit into; nil: any width.
  public func text(_ format: Format, width: Int? = nil) -> String {
    if format == .json { return json() }
    let style = Style(isMarkdown: format == .markdown, width: width)
    var parts = [
      style.heading("\(runs.count) \(runs.count == 1 ? "run" : "runs"), \(jobsText)", level: 1),
      style.table(runTable),
    ]
    if jobCount > 0 {
      parts += [style.heading("Jobs by state", level: 2), style.table(stateTable)]
      parts += [style.heading("Time, CPU and memory", level: 2), style.list(resources.lines)]
    }
    if !failedJobs.isEmpty {
      parts.append(style.heading("Jobs that need attention", level: 2))
      parts += AttentionGroup.groups(failedJobs).flatMap(\.entries).map { style.entry($0) }
    }
    if staleJobs > 0 {
      parts.append("\(staleJobs) of the states may be old: Slurm could not be asked for them.\n")
    }
    if let unreadableJobs {
      parts.append("\(unreadableJobs) of the jobs cannot be read from the records.\n")
    }
    if let problem { parts.append("Slurm did not answer everything: \(style.plain(problem))\n") }
    return parts.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  /// The number of jobs. No jobs and no answer from Slurm are different results.
  private var jobsText: String {
    if jobCount == 0, problem != nil { return "Slurm jobs not known" }
    return "\(jobCount) Slurm \(jobCount == 1 ? "job" : "jobs")"
  }

  private var runTable: TextTable {
    var table = TextTable([
      ("RUN", .left), ("COMMAND", .left), ("STATE", .left), ("EXIT", .right), ("WALL", .right),
      ("JOBS", .right),
    ])
    for run in runs {
      table.add([
        run.prefix, run.command.shortened(to: 40), run.state ?? "-",
        run.exitCode.map(String.init) ?? "-", run.wallClockTime.map(shortDuration) ?? "-",
        "\(run.jobs)",
      ])
    }
    return table
  }

  private var stateTable: TextTable {
    var table = TextTable([("STATE", .left), ("JOBS", .right)])
    for state in states { table.add([state.state.rawValue, "\(state.count)"]) }
    return table
  }
}

extension ResourceUse {
  /// One fact per line.
  fileprivate var lines: [String] {
    var lines = ["elapsed: \(shortDuration(elapsedSeconds)) in all"]
    if let longestElapsedSeconds { lines[0] += ", the longest job \(shortDuration(longestElapsedSeconds))" }
    if let meanWaitSeconds, let longestWaitSeconds {
      lines.append(
        "wait from eligible to start: \(shortDuration(meanWaitSeconds.rounded())) on average, \(shortDuration(longestWaitSeconds)) at most"
      )
    }
    if let used = cpuSecondsUsed, let allotted = cpuSecondsAllotted {
      let share = allotted > 0 ? ", \(percent(used / allotted))" : ""
      lines.append(
        "CPU: \(humanDuration(used)) used of \(humanDuration(allotted)) allotted\(share) (\(measuredJobs) jobs)"
      )
    }
    if let largest = largestMemoryShare, let mean = meanMemoryShare, let job = largestMemoryJob {
      lines.append(
        "memory: \(percent(mean)) of what was asked for on average, \(percent(largest)) at most (job \(job))")
    }
    return lines
  }

  private func percent(_ share: Double) -> String { fixed(share * 100, decimals: 1) + " %" }
}

/// Formats the parts of a report, as text or as Markdown.
private struct Style {
  let isMarkdown: Bool
  let width: Int?

  /// Text from users and jobs. It must neither move a terminal's cursor nor count as Markdown.
  func plain(_ text: String) -> String {
    isMarkdown ? text.forDisplay.markdownEscaped : text.forDisplay
  }

  func heading(_ text: String, level: Int) -> String {
    if isMarkdown { return String(repeating: "#", count: level) + " \(text)\n" }
    return level == 1 ? "\(text)\n\(String(repeating: "=", count: text.count))\n" : "\(text)\n"
  }

  func table(_ table: TextTable) -> String {
    table.isEmpty ? "" : isMarkdown ? table.markdown : table.text(width: width)
  }

  func list(_ lines: [String]) -> String { lines.map { (isMarkdown ? "- " : "") + $0 + "\n" }.joined() }

  func entry(_ group: AttentionGroup) -> String {
    let details = group.details.map { indent(plain($0)) }.joined(separator: isMarkdown ? "\n" : "")
    let outputs = group.shown.map { failed in
      let name = group.count > 1 ? "job \(failed.job.displayID): " : ""
      return output(failed, name)
    }
    let gap = isMarkdown ? "\n" : ""
    return heading(plain(group.title), level: 3) + gap + details + (details.isEmpty ? "" : gap)
      + outputs.joined(separator: gap)
  }

  /// - Parameter name: names the job, if the entry is about several.
  private func output(_ failed: CampaignReport.FailedJob, _ name: String) -> String {
    guard let path = failed.outputPath else {
      return failed.job.startTime == nil ? "" : indent("\(name)it has no output file")
    }
    guard !failed.outputEnd.isEmpty else {
      return indent("\(name)\(code(path)): \(failed.outputProblem ?? "no output")")
    }
    let lines = failed.outputEnd.map(\.forDisplay)
    if isMarkdown { return "\(name)from \(code(path)):\n\n" + markdownBlock(lines) }
    return indent("\(name)from \(code(path)):") + lines.map { "    | \($0)\n" }.joined()
  }

  private func code(_ path: String) -> String {
    isMarkdown ? path.forDisplay.markdownCode : path.forDisplay
  }

  private func indent(_ text: String) -> String { (isMarkdown ? "" : "  ") + text + "\n" }
}
