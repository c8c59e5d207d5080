internal import RecordText

/// The report as Markdown (CommonMark with GitHub's tables), for a wiki or an issue.
struct MarkdownFormat: ReportFormat {
  func bytes(of report: CampaignReport, width: Int?) -> [UInt8] {
    Array(ReportText(report, style: MarkdownStyle()).text.utf8)
  }
}

/// Any text from users and jobs appears unchanged: see `markdownEscaped`.
private struct MarkdownStyle: TextStyle {
  let width: Int? = nil

  func plain(_ text: String) -> String { text.forDisplay.markdownEscaped }
  func code(_ text: String) -> String { text.forDisplay.markdownCode }
  func title(_ text: String) -> String { "# \(text)\n" }
  func heading(_ text: String) -> String { "## \(text)\n" }
  func picture(_ lines: [String]) -> String { markdownBlock(lines) }
  func table(_ table: TextTable) -> String { table.markdown }
  func list(_ lines: [String]) -> String { lines.map { "- \($0)\n" }.joined() }

  func entry(_ title: String, _ details: [String], outputs: [String]) -> String {
    (["### \(title)\n"] + [list(details)].filter { !$0.isEmpty } + outputs).joined(separator: "\n")
  }

  func output(_ introduction: String, _ lines: [String]) -> String {
    lines.isEmpty
      ? introduction + "\n" : "\(introduction)\n\n" + markdownBlock(lines.map(\.forDisplay))
  }
}
