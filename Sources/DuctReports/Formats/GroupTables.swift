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
    JobGroup.Kind.allCases.compactMap { kind in
      let some = groups.filter { $0.kind == kind }
      guard some.count > (kind == .name ? 0 : 1) else { return nil }
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
      hasQuartiles ? Self.range(quartiles, text, none) : quartiles.map { text($0.median) } ?? none
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

  /// The quartiles, or the value if all are alike: `00:28–00:31–00:40`.
  private static func range(
    _ quartiles: Quartiles?, _ text: (Double) -> String, _ none: String
  ) -> String {
    guard let quartiles else { return none }
    let texts = [quartiles.first, quartiles.median, quartiles.third].map(text)
    return Set(texts).count == 1 ? texts[0] : texts.joined(separator: "–")
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

  /// `00:31 → 00:28 (-10 %)`. The change of a share is not told in per cent of per cent.
  private static func change(
    _ change: CampaignComparison.Change, isShare: Bool = false, _ text: (Double) -> String
  ) -> String {
    if change.before == nil, change.after == nil { return "-" }
    let values = "\(change.before.map(text) ?? "-") → \(change.after.map(text) ?? "-")"
    guard !isShare, let percent = change.percent else { return values }
    return values + " (\(percent > 0 ? "+" : "")\(fixed(percent, decimals: 0)) %)"
  }
}
