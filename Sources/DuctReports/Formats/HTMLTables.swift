internal import RecordText

/// The tables of the page that the template fills in itself: groups, runs, and the comparison.
struct HTMLTables {
  private let report: CampaignReport

  /// Rows of a table of groups.
  private static let mostGroups = 200
  private static let mostRuns = 500

  init(_ report: CampaignReport) { self.report = report }

  var values: [(String, JSONValue)] { groups + HTMLSteps(report.steps).values + runs + comparison }

  // MARK: Groups

  private var groups: [(String, JSONValue)] {
    let tables = JobGroup.byKind(report.groups).map { kind, some -> JSONValue in
      let rest = some.count - min(some.count, Self.mostGroups)
      return [
        "title": .shown("By \(kind.rawValue): \(number(some.count, "group"))"),
        "caption": .shown("Jobs by \(kind.rawValue), \(Self.order(kind)) first"),
        "column": .string(kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst()),
        "is_open": .bool(kind == .name), "groups": .array(some.prefix(Self.mostGroups).map(group)),
        "left_out": rest > 0 ? .shown("\(rest.grouped) more groups: the form json has all of them.") : .null,
      ]
    }
    return [("has_groups", .bool(!tables.isEmpty)), ("group_tables", .array(tables))]
  }

  /// As `JobGroups` sorts them.
  private static func order(_ kind: JobGroup.Kind) -> String {
    kind == .node ? "those with the most failures" : "those with the most allocated CPU time"
  }

  private func group(_ group: JobGroup) -> JSONValue {
    let share = group.failureShare.map { group.failed > 0 ? " (\(percent($0)))" : "" } ?? ""
    return [
      "key": .shown(group.label.shortened(to: 100)), "has_failed": .bool(group.failed > 0),
      "cells": [
        .cell(group.count.grouped, Double(group.count)),
        .cell(group.failed.grouped + share, Double(group.failed)),
        .cell(fixed(group.cpuHoursAllocated, decimals: 1), group.cpuHoursAllocated),
        quartiles(group.waitSeconds, shortDuration), quartiles(group.elapsedSeconds, shortDuration),
        quartiles(group.cpuUse, percent), quartiles(group.memoryUse, percent, "not sampled"),
      ],
    ]
  }

  private func quartiles(
    _ quartiles: Quartiles?, _ text: (Double) -> String, _ none: String = "not known"
  ) -> JSONValue {
    .cell(quartiles?.words(text) ?? none, quartiles?.median)
  }

  // MARK: Runs

  private var runs: [(String, JSONValue)] {
    let runs = report.runsOutsideOfSteps
    let rest = runs.count - min(runs.count, Self.mostRuns)
    return [
      ("has_runs", .bool(!runs.isEmpty)),
      (
        "runs_caption",
        .shown(
          "The commands that duct wrapped" + (rest > 0 ? ": \(rest.grouped) more are in the form json" : ""))
      ),
      ("runs", .array(runs.prefix(Self.mostRuns).map(run))),
    ]
  }

  private func run(_ run: ReportRun) -> JSONValue {
    [
      "prefix": .shown(run.prefix), "command": .shown(run.command.bounded(to: 300)),
      "state": .shown(run.shownState ?? "–"), "host": .shown(run.host ?? "–"),
      "has_failed": .bool((run.exitCode ?? 0) != 0),
      "cells": [
        .cell(run.exitCode.map(String.init), run.exitCode.map(Double.init)),
        .cell(run.wallClockTime.map(shortDuration), run.wallClockTime),
        .cell(run.cpuSeconds.map(shortDuration), run.cpuSeconds),
        .cell(run.peakRSSBytes.map { memory(Double($0)) }, run.peakRSSBytes.map(Double.init)),
        .cell(run.jobs.grouped, Double(run.jobs)),
      ],
    ]
  }

  // MARK: Comparison

  private var comparison: [(String, JSONValue)] {
    guard let comparison = report.comparison else { return [("has_comparison", false)] }
    let columns = ["Jobs", "Failed", "Waited", "Ran", "CPU use", "Memory use", "CPU hours"]
    return [
      ("has_comparison", true), ("compared_with", .shown(comparison.campaign)),
      ("comparison_columns", .list(columns)),
      (
        "comparison",
        .array(
          comparison.groups.prefix(Self.mostGroups).map { group in
            [
              "name": .shown(group.name?.shortened(to: 100) ?? "all jobs"),
              "changes": [
                change(group.jobs) { Int(saturating: $0).grouped },
                change(group.failureShare, isShare: true, percent),
                change(group.waitSeconds, shortDuration), change(group.elapsedSeconds, shortDuration),
                change(group.cpuUse, isShare: true, percent), change(group.memoryUse, isShare: true, percent),
                change(group.cpuHoursAllocated) { fixed($0, decimals: 1) },
              ],
            ]
          })
      ),
    ]
  }

  private func change(
    _ change: CampaignComparison.Change, isShare: Bool = false, _ text: (Double) -> String
  ) -> JSONValue {
    [
      "text": .shown(change.words(isShare: isShare, none: "–", text)),
      "percent": .string(change.percent.map(svgNumber) ?? ""),
    ]
  }
}
