internal import RecordText

/// Groups of jobs and comparisons of them, as tables for people.
struct GroupTables {
  /// A table has no more lines than this.
  private static let most = 20

  /// A table for each kind that divides the jobs; names always have one.
  ///
  /// - Parameter width: columns of the terminal; nil: any. A table that is wider has medians alone.
  static func tables(
    _ groups: [JobGroup], width: Int?
  ) -> [(title: String, table: TextTable, rest: Int)] {
    JobGroup.byKind(groups).map { kind, some in
      let title = "By \(kind.rawValue)"
      let rest = max(some.count - most, 0)
      let full = table(kind, some.prefix(most), hasQuartiles: true)
      if width == nil || full.width <= width ?? 0 {
        return (title + " (first quartile–median–third quartile)", full, rest)
      }
      return (title + " (medians)", table(kind, some.prefix(most), hasQuartiles: false), rest)
    }
  }

  private static func table(
    _ kind: JobGroup.Kind, _ groups: ArraySlice<JobGroup>, hasQuartiles: Bool
  ) -> TextTable {
    func range(_ quartiles: Quartiles?, _ text: (Double) -> String, _ none: String = "-") -> String {
      quartiles.map { hasQuartiles ? $0.words(text) : text($0.median) } ?? none
    }
    var table = TextTable([
      (kind.rawValue.uppercased(), .left), ("JOBS", .right), ("FAILED", .right), ("CPU·H", .right),
      ("WAIT", .right), ("ELAPSED", .right), ("CPU USE", .right), ("MEM USE", .right),
    ])
    for group in groups {
      let hasStarted = group.elapsedSeconds != nil
      table.add([
        group.label.shortened(to: hasQuartiles ? 40 : 24), group.count.grouped,
        group.failed == 0
          ? "0" : "\(group.failed.grouped) (\(group.failureShare.map(percent) ?? "-"))",
        significant(group.cpuHoursAllocated), range(group.waitSeconds, shortDuration),
        range(group.elapsedSeconds, shortDuration),
        range(group.cpuUse, percent, hasStarted ? "not known" : "-"),
        range(group.memoryUse, percent, hasStarted ? "not sampled" : "-"),
      ])
    }
    return table
  }

  // MARK: Comparison

  static func table(_ comparison: CampaignComparison) -> TextTable {
    var table = TextTable([
      ("NAME", .left), ("JOBS", .right), ("FAILED", .right), ("ELAPSED", .right), ("CPU USE", .right),
      ("MEM USE", .right), ("CPU·H", .right),
    ])
    for group in comparison.groups {
      table.add([
        group.name.map { $0.shortened(to: 40) } ?? "all jobs",
        change(group.jobs) { Int(saturating: $0).grouped },
        change(group.failureShare, isShare: true, percent), change(group.elapsedSeconds, shortDuration),
        change(group.cpuUse, isShare: true, percent), change(group.memoryUse, isShare: true, percent),
        change(group.cpuHoursAllocated, significant),
      ])
    }
    return table
  }

  private static func change(
    _ change: CampaignComparison.Change, isShare: Bool = false, _ text: (Double) -> String
  ) -> String {
    change.words(isShare: isShare, none: "-", text)
  }
}
