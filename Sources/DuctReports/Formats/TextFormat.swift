internal import RecordText

/// The report for a terminal, or for a mail.
struct TextFormat: ReportFormat {
  /// Columns that stand before each line of a job's output.
  static let marginOfOutput = 6

  func bytes(of report: CampaignReport, width: Int?) -> [UInt8] {
    Array(ReportText(report, style: PlainStyle(width: width)).text.utf8)
  }
}

extension ReportForm {
  /// Columns that stand before each line of a job's output in text.
  public static var marginOfOutput: Int { TextFormat.marginOfOutput }
}

/// Text with underlined titles and indented entries.
private struct PlainStyle: TextStyle {
  let width: Int?

  func plain(_ text: String) -> String { text.forDisplay }
  func code(_ text: String) -> String { text.forDisplay }

  func title(_ text: String) -> String {
    "\(text)\n\(String(repeating: "=", count: min(text.displayWidth, width ?? .max)))\n"
  }

  func heading(_ text: String) -> String { "\(text)\n" }
  func picture(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }
  func table(_ table: TextTable) -> String { table.text(width: width) }
  func list(_ lines: [String]) -> String { lines.map { $0 + "\n" }.joined() }

  func entry(_ title: String, _ details: [String], outputs: [String]) -> String {
    ([title] + details.map { "  " + $0 }).map { $0 + "\n" }.joined() + outputs.joined()
  }

  func output(_ introduction: String, _ lines: [String]) -> String {
    let room = width.map { max($0 - TextFormat.marginOfOutput, 20) }
    return "  \(introduction)\n"
      + lines.map { line in
        let line = line.forDisplay
        return "    | \(room.map { line.cut(toWidth: $0) } ?? line)\n"
      }.joined()
  }
}
