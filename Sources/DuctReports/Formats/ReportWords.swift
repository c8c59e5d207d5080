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
