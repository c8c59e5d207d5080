internal import RecordText
internal import SystemCalls

/// Numbers as all forms of a report show them.

extension Int {
  private static let grouping = try? FormatSpec(",d")

  /// With a comma between groups of three digits.
  var grouped: String { Self.grouping.flatMap { try? $0.format(self) } ?? "\(self)" }
}

/// `1 job`, `1,988 jobs`.
func number(_ count: Int, _ noun: String) -> String { "\(count.grouped) \(noun)\(count == 1 ? "" : "s")" }

/// A share in per cent: `63 %`; with one decimal below 10 %.
func percent(_ share: Double) -> String {
  guard share.isFinite else { return "-" }
  let value = share * 100
  return fixed(value, decimals: value.magnitude < 9.95 && value != 0 ? 1 : 0) + " %"
}

/// `412 h`, `3.4 h`, `2.5 min`, `12 s`.
func hours(_ value: Double) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "-" }
  let (amount, unit) =
    value.magnitude >= 1
    ? (value, "h") : value.magnitude >= 1 / 60.0 ? (value * 60, "min") : (value * 3600, "s")
  return "\(significant(amount)) \(unit)"
}

/// At least two digits that count: `1,234`, `56`, `7.8`, `0.90`, `0.0012`.
func significant(_ value: Double) -> String {
  guard value.isFinite, value.magnitude < 1e15 else { return "-" }
  if value.magnitude >= 9.95 { return Int(saturating: value.rounded()).grouped }
  if value.magnitude < 1e-6 { return "0" }
  var (decimals, rest) = (1, value.magnitude)
  while rest < 0.995 {
    rest *= 10
    decimals += 1
  }
  return fixed(value, decimals: decimals)
}

/// Memory in binary units, as Slurm counts it: `512 MiB`, `1.5 GiB`.
func memory(_ bytes: Double) -> String {
  guard bytes.isFinite else { return "-" }
  var (value, unit) = (bytes / 1024, "KiB")
  for larger in ["MiB", "GiB", "TiB"] where value >= 1000 { (value, unit) = (value / 1024, larger) }
  return fixed(value, decimals: value < 9.95 ? 1 : 0) + " " + unit
}

/// A time in the local time zone: `2026-11-01 14:03`.
func localTime(_ seconds: Int) -> String { WallTime(seconds: Double(seconds)).text(format: "%Y-%m-%d %H:%M") }

extension ReportHead {
  /// `Campaign night: 1 run, 1,988 Slurm jobs`.
  var heading: String {
    let name = campaign.map { "Campaign \($0): " } ?? ""
    let runs = runs.isEmpty ? "" : number(runs.count, "run") + ", "
    return name + runs
      + (jobCount == 0 && problem != nil ? "Slurm jobs not known" : number(jobCount, "Slurm job"))
  }

  private static let unreadShown = 3

  /// What the report does not know: one sentence each.
  var doubts: [String] {
    var lines: [String] = []
    if staleJobs > 0 {
      let since = staleSince.map { ", as last seen from \(localTime(Int(saturating: $0))) on" } ?? ""
      lines.append(
        "\(staleJobs.grouped) of the states may be old: Slurm could not be asked for them\(since).")
    }
    if let unreadableJobs {
      lines.append("\(unreadableJobs.grouped) of the jobs cannot be read from the records.")
    }
    if let unreadRecords {
      let some = unreadRecords.prefix(Self.unreadShown).joined(separator: "; ")
      let more = unreadRecords.count - Self.unreadShown
      lines.append(
        "Jobs are missing, because \(number(unreadRecords.count, "record")) cannot be read: \(some)"
          + (more > 0 ? "; and \(more.grouped) more" : ""))
    }
    if let problem { lines.append("Slurm did not answer everything: \(problem)") }
    return lines
  }
}

extension JobGroup {
  /// The groups of each kind that divides the jobs; names always do.
  static func byKind(_ groups: [JobGroup]) -> [(kind: Kind, groups: [JobGroup])] {
    Kind.allCases.compactMap { kind in
      let some = groups.filter { $0.kind == kind }
      // A group of all jobs is no division.
      return some.count > (kind == .name ? 0 : 1) ? (kind, some) : nil
    }
  }
}

extension Quartiles {
  /// The first quartile, the median and the third quartile, or the value if all are alike: `00:28–00:31–00:40`.
  func words(_ text: (Double) -> String) -> String {
    let texts = [first, median, third].map(text)
    return Set(texts).count == 1 ? texts[0] : texts.joined(separator: "–")
  }
}

extension CampaignComparison.Change {
  /// `00:31 → 00:28 (-10 %)`; `none` stands for what is not known. The change of a share is not told in per cent of per
  /// cent.
  func words(isShare: Bool, none: String, _ text: (Double) -> String) -> String {
    if before == nil, after == nil { return none }
    let values = "\(before.map(text) ?? none) → \(after.map(text) ?? none)"
    guard !isShare, let percent else { return values }
    return values + " (\(percent > 0 ? "+" : "")\(fixed(percent, decimals: 0)) %)"
  }
}
