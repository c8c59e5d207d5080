internal import OrderedCollections
internal import RecordText
internal import SlurmJobs

/// The tables of all jobs, as HTML: the template gets them as one value, because it would take a second for 10,000 rows.
///
/// The tasks of an array are folded. A large campaign shows the jobs that need attention, and how many others there are.
struct HTMLJobs {
  /// More jobs are not all shown.
  static let mostRows = 10_000
  /// Rows of a large campaign.
  private static let mostRowsOfLarge = 2000
  private static let mostFolds = 500
  /// Arrays with fewer tasks are not folded.
  private static let fewestFolded = 6

  private let report: CampaignReport
  private let isLarge: Bool

  private struct Fold: Hashable {
    var cluster: String?
    var array: UInt32
  }

  init(_ report: CampaignReport) {
    self.report = report
    isLarge = report.jobs.count > Self.mostRows
  }

  var heading: String {
    isLarge ? "Jobs that need attention, and arrays" : "All \(number(report.head.jobCount, "job"))"
  }

  var note: String {
    let words = "The forms json and csv of this report have all jobs, with more figures."
    if !isLarge { return words }
    return "These are \(number(report.head.jobCount, "job")), too many for a page: it shows at most "
      + "\(Self.mostRowsOfLarge.grouped) that need attention. " + words
  }

  var tables: String {
    var single: [JobRow] = []
    var arrays: OrderedDictionary<Fold, [JobRow]> = [:]
    for row in report.jobs {
      if let array = row.arrayJobID {
        arrays[Fold(cluster: row.cluster, array: array), default: []].append(row)
      } else {
        single.append(row)
      }
    }
    for (fold, rows) in arrays where rows.count < Self.fewestFolded {
      single += rows
      arrays[fold] = nil
    }
    var left = isLarge ? Self.mostRowsOfLarge : .max
    var html = table(shown(single, &left), "Jobs, and tasks of small arrays")
    let folds = isLarge ? Self.failedFirst(arrays) : arrays.values.elements
    for rows in folds.prefix(isLarge ? Self.mostFolds : .max) {
      let title = Self.title(rows)
      html +=
        "<details><summary>\(title.htmlEscaped)</summary>\(table(shown(rows, &left), title))</details>\n"
    }
    if isLarge, folds.count > Self.mostFolds {
      html += "<p>\(number(folds.count - Self.mostFolds, "more array")).</p>\n"
    }
    return html
  }

  private static func failedFirst(_ arrays: OrderedDictionary<Fold, [JobRow]>) -> [[JobRow]] {
    let rows = arrays.values.elements
    let needAttention = rows.map { $0.contains { $0.standing == .attention } }
    return zip(rows, needAttention).filter(\.1).map(\.0) + zip(rows, needAttention).filter { !$0.1 }.map(\.0)
  }

  private func shown(_ rows: [JobRow], _ left: inout Int) -> ArraySlice<JobRow> {
    if !isLarge { return rows[...] }
    let some = rows.lazy.filter { $0.standing == .attention }.prefix(left)
    let shown = Array(some)
    left -= shown.count
    return shown[...]
  }

  /// `Array 41 (prep): 1,988 tasks: 1,900 COMPLETED, 88 FAILED`.
  private static func title(_ rows: [JobRow]) -> String {
    let counts = rows.reduce(into: [JobState: Int]()) { $0[$1.state, default: 0] += $1.count }
    let states = counts.sorted { JobState.displayOrder($0.key, $1.key) }.map { "\($1.grouped) \($0)" }
    let name = rows[0].name.map { " (\($0.shortened(to: 100)))" } ?? ""
    return "Array \(rows[0].arrayJobID.map { "\($0)" } ?? "")\(name): "
      + "\(number(counts.values.reduce(0, +), "task")): \(states.joined(separator: ", "))"
  }

  // MARK: Rows

  private static let columns: [(name: String, isNumber: Bool)] = [
    ("Job", false), ("Name", false), ("State", false), ("Exit", false), ("Waited", true), ("Ran", true),
    ("Of its limit", true), ("CPU use", true), ("Memory", true), ("Memory use", true), ("Read", true),
    ("Written", true), ("Nodes", false),
  ]

  private func table(_ rows: ArraySlice<JobRow>, _ caption: String) -> String {
    if rows.isEmpty { return "" }
    let caption = caption.htmlEscaped
    let head = Self.columns.map { "<th scope=\"col\"\($0.isNumber ? " class=\"n\"" : "")>\($0.name)</th>" }
      .joined()
    var html =
      "<div class=\"scroll\" role=\"region\" aria-label=\"\(caption)\" tabindex=\"0\"><table class=\"sortable\">"
    html += "<caption>\(caption)</caption><thead><tr>\(head)</tr></thead><tbody>\n"
    for row in rows { Self.add(row, to: &html) }
    return html + "</tbody></table></div>\n"
  }

  /// The ends of rows and cells are left out, as HTML allows: they would be a third of the page.
  private static func add(_ row: JobRow, to html: inout String) {
    html += row.standing == .attention ? "<tr class=failed><th scope=row>" : "<tr><th scope=row>"
    html += row.id.htmlEscaped
    for text in [row.name?.shortened(to: 60) ?? "", row.stateText, row.exitText] {
      html += "<td>"
      html += text.htmlEscaped
    }
    add(row.waitSeconds.map { ($0, shortDuration($0)) }, to: &html)
    add(row.elapsedSeconds.map { ($0, shortDuration($0)) }, to: &html)
    addShare(row.timeUse, to: &html)
    addShare(row.cpuUse, to: &html)
    add(
      row.memoryUsedBytes.map { (Int($0), memory(Double($0))) },
      or: row.isMemoryNotSampled ? "not sampled" : "–",
      to: &html)
    addShare(row.memoryUse, to: &html)
    add(row.readBytes.map { (Int($0), humanSize(Double($0))) }, to: &html)
    add(row.writtenBytes.map { (Int($0), humanSize(Double($0))) }, to: &html)
    html += "<td>"
    html += (row.nodes?.shortened(to: 60) ?? "").htmlEscaped
    html += "\n"
  }

  private static func add(_ cell: (value: Int, text: String)?, or none: String = "–", to html: inout String) {
    guard let cell else {
      html += "<td class=no>"
      html += none
      return
    }
    html += "<td data-v="
    html += String(cell.value)
    html += ">"
    html += cell.text
  }

  private static func addShare(_ share: Double?, to html: inout String) {
    add(share.map { (Int(saturating: ($0 * 1000).rounded()), percent($0)) }, to: &html)
  }
}

extension JobRow {
  /// The state, how often it was requeued, and `?` if it may be old.
  fileprivate var stateText: String {
    var text = state.rawValue
    if let restarts, restarts > 0 { text += " (requeued \(restarts)×)" }
    return stale ? text + " ?" : text
  }

  /// `3` for exit code 3, `signal 9` for signal 9.
  fileprivate var exitText: String {
    if let signal, signal != 0 { return "signal \(signal)" }
    return exitCode.map(String.init) ?? "–"
  }
}
