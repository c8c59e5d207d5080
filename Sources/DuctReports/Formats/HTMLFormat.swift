internal import DuctRecords
internal import RecordText
internal import SystemCalls

/// One page of HTML that needs nothing else: no network, no script, no other file.
///
/// The template has the page's structure, and gets texts that are ready to be shown. docs/report.md describes them.
struct HTMLFormat: ReportFormat {
  let template: PageTemplate

  func bytes(of report: CampaignReport, width: Int?) throws(Problem) -> [UInt8] {
    try template.page(HTMLValues(report).values)
  }
}

/// The values for the template.
struct HTMLValues {
  let report: CampaignReport
  private let now: Double

  /// Entries of what needs attention that are shown.
  private static let mostEntries = 200

  /// - Parameter now: seconds since 1970.
  init(_ report: CampaignReport, now: Double = WallTime.now.seconds) {
    self.report = report
    self.now = now
  }

  private var head: ReportHead { report.head }

  var values: JSONValue {
    let jobs = HTMLJobs(report)
    let parts: [[(String, JSONValue)]] = [
      overview, attention, ownCancellations, advice, pictures, HTMLTables(report).values,
      [
        ("has_jobs", .bool(!report.jobs.isEmpty)), ("jobs_heading", .shown(jobs.heading)),
        ("jobs_note", .shown(jobs.note)), ("jobs", .string(jobs.tables)),
      ],
    ]
    var all = JSONValue.object([:])
    for (name, value) in parts.joined() { all[name] = value }
    all["sections"] = sections(all)
    return all
  }

  /// The sections that the page has, for its contents.
  private func sections(_ values: JSONValue) -> JSONValue {
    let known = [
      ("attention", "What needs attention"), ("cancelled_by_run", "Cancelled by the run"),
      ("advice", "What to ask for next time"), ("pictures", "Pictures"), ("comparison", "Comparison"),
      ("groups", "Groups"), ("steps", "Steps"), ("runs", "Runs of duct"), ("jobs", "Jobs"),
    ]
    return .array(
      known.filter { values["has_" + $0.0] == true }.map { id, name in
        ["id": .string(id), "name": .string(name)]
      })
  }

  // MARK: Head

  private var overview: [(String, JSONValue)] {
    [
      ("version", .string(Versions.duct)),
      ("created", .string(WallTime(seconds: now).text(format: "%Y-%m-%d %H:%M:%S %z"))),
      ("title", .shown(head.campaign.map { "\($0): report of duct" } ?? "Report of duct")),
      ("heading", .shown(head.heading)), ("verdict", .shown(head.verdict)),
      ("verdict_class", .string(head.verdictKind.rawValue)), ("notes", .list(head.doubts)),
      ("facts", .array(facts.map { ["name": .shown($0.0), "value": .shown($0.1)] })),
    ]
  }

  private var facts: [(String, String)] {
    var facts: [(String, String)] = []
    if let first = head.firstSubmission {
      facts.append(("first submission", localTime(first)))
      facts.append(("last end", head.lastEnd.map(localTime) ?? "not all have ended"))
    }
    if !head.users.isEmpty { facts.append(("users", head.users.joined(separator: ", "))) }
    if !head.clusters.isEmpty { facts.append(("clusters", head.clusters.joined(separator: ", "))) }
    facts += head.states.map { ($0.state.rawValue, number($0.count, "job")) }
    // `CPU: 412 h allocated, …`
    facts += CostWords(head.totals).lines.map { line in
      let parts = line.split(separator: ": ", maxSplits: 1).map(String.init)
      return parts.count == 2 ? (parts[0], parts[1]) : ("", line)
    }
    return facts
  }

  // MARK: Attention

  private var attention: [(String, JSONValue)] {
    let entries = report.attention.prefix(Self.mostEntries).map { group -> JSONValue in
      [
        "title": .shown(group.title), "has_details": .bool(!group.details.isEmpty),
        "details": .list(group.details),
        "outputs": .array(group.shownOutputs.map { output($0, isOfSeveral: group.rows.count > 1) }),
      ]
    }
    let rest = report.attention.count - entries.count
    return [
      ("has_attention", .bool(!entries.isEmpty)), ("attention", .array(entries)),
      (
        "attention_left_out",
        rest > 0 ? .shown("\(rest.grouped) more such entries: the forms json and csv have all jobs.") : .null
      ),
    ]
  }

  private func output(_ end: JobOutputEnd, isOfSeveral: Bool) -> JSONValue {
    let name = isOfSeveral ? "job \(end.id): " : ""
    let path = end.path.map { (end.lines.isEmpty ? "" : "from ") + $0 }
    let problem = end.lines.isEmpty ? end.problem ?? "no output" : nil
    let introduction = name + [path, problem].compactMap { $0 }.joined(separator: ": ")
    let text = end.lines.map(\.escapedForDisplay).joined(separator: "\n")
    return [
      "introduction": .shown(introduction + (end.lines.isEmpty ? "" : ":")),
      "text": end.lines.isEmpty ? .null : .string(text),
    ]
  }

  private var ownCancellations: [(String, JSONValue)] {
    [
      ("has_cancelled_by_run", .bool(!report.cancelledByRun.isEmpty)),
      ("cancelled_by_run", .list(report.cancelledByRun.prefix(Self.mostEntries).map(\.title))),
    ]
  }

  private var advice: [(String, JSONValue)] {
    [
      ("has_advice", .bool(!report.advice.isEmpty)),
      (
        "advice",
        .array(
          report.advice.map { advice in
            [
              "group": .shown(advice.group), "figures": .shown(advice.figures),
              "effect": .shown(advice.effect),
              "line": advice.line.map { .shown($0) } ?? .null,
            ]
          })
      ),
    ]
  }

  // MARK: Pictures

  private var pictures: [(String, JSONValue)] {
    let pictures = ReportPictures(report, now: now)
    func value(_ picture: any Picture) -> JSONValue {
      [
        "title": .shown(picture.title), "svg": .string(picture.svg),
        "words": .shown(picture.words.joined(separator: " ")), "has_legend": .bool(!picture.legend.isEmpty),
        "legend": .array(picture.legend.map { ["style": .string($0.style), "word": .string($0.word)] }),
      ]
    }
    return [
      (
        "has_pictures", .bool(!(pictures.wide.isEmpty && pictures.small.isEmpty && pictures.problems.isEmpty))
      ),
      ("wide_pictures", .array(pictures.wide.map(value))),
      ("small_pictures", .array(pictures.small.map(value))),
      ("picture_problems", .list(pictures.problems)),
    ]
  }
}

extension JSONValue {
  /// Text from records, ready to be shown. The template escapes it for HTML.
  static func shown(_ text: String) -> JSONValue { .string(text.escapedForDisplay) }

  static func list(_ texts: some Sequence<String>) -> JSONValue { .array(texts.map { .shown($0) }) }

  /// A cell of a table: what is shown, and the number to sort by; an empty text if it is not known.
  static func cell(_ text: String?, _ value: Double?) -> JSONValue {
    ["text": .shown(text ?? "–"), "value": .string(value.map { svgNumber($0) } ?? "")]
  }
}
