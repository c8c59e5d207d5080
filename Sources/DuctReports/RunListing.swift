public import DuctRecords
internal import OrderedCollections
internal import RecordText

/// `con-duct ls`: selected fields of runs.
public struct RunListing: Sendable {
  public enum Format: String, Sendable, CaseIterable {
    case auto, table, pyout, summaries, json
    case jsonPretty = "json_pp"
  }

  public static let defaultFields = ["command", "exit_code", "wall_clock_time", "peak_rss", "run_state"]

  /// Formats of fields, in con-duct's template language. Other fields are shown as they are.
  private static let forms: [String: String] = [
    "average_pcpu": "{value:.2f!N}%", "average_pmem": "{value:.2f!N}%", "average_rss": "{value!S}",
    "average_vsz": "{value!S}", "end_time": "{value:.2f!N}", "exit_code": "{value!E}",
    "memory_total": "{value!S}", "peak_pcpu": "{value:.2f!N}%", "peak_pmem": "{value:.2f!N}%",
    "peak_rss": "{value!S}", "peak_vsz": "{value!S}", "start_time": "{value:.2f!N}",
    "last_update_time": "{value:.2f!N}", "wall_clock_time": "{value:.3f} sec",
  ]
  private static let templates = forms.compactMapValues { try? SummaryTemplate($0, fields: ["value"]) }

  /// con-duct's fields, and then duct's own.
  public static let fields: [String] =
    forms.keys.sorted() + [
      "arch", "command", "cpu_total", "distro_build_id", "distro_codename", "distro_id",
      "distro_id_like", "distro_name", "distro_pretty_name", "distro_variant_id", "distro_version",
      "distro_version_id", "duct_version", "gpu", "hostname", "info", "logs_prefix", "message",
      "num_samples", "num_reports", "os_name", "os_release", "os_version", "prefix", "processor",
      "schema_version", "stderr", "stdout", "uid", "usage", "user", "working_directory",
      "run_state", "run_id", "campaign", "parent_run_id", "cluster_name", "cpu_seconds", "jobs",
      "end_reason", "own_job_id", "own_step_id", "own_procid", "own_array_task_id", "own_node",
    ]

  private var fields: [String]
  private var rows: [ListedRun]

  /// The fields that a listing needs beside those that it shows.
  public static let hiddenFields = StepRuns.fields

  /// - Parameter foldsSteps: one row for all tasks of a step.
  public init(
    _ runs: [RecordedRun], fields: [String], sortBy: [String], isReversed: Bool, foldsSteps: Bool = false
  ) {
    self.fields = ["prefix"] + fields.filter { $0 != "prefix" }
    let rows = foldsSteps ? ListedRun.folded(runs) : runs.map { ListedRun(runs: [$0]) }
    let keyed = SideBySide.map(rows) { run in
      (run: run, keys: (sortBy + ["prefix"]).map { SortKey(run.field($0)) })
    }
    let sorted = keyed.sorted { left, right in
      for (a, b) in zip(left.keys, right.keys) {
        switch SortKey.compare(a, b) {
        case ..<0: return true
        case 0: continue
        default: return false
        }
      }
      return false
    }.map(\.run)
    self.rows = isReversed ? sorted.reversed() : sorted
  }

  /// - Parameter width: columns of the terminal that a table must fit into; nil: any width.
  public func text(_ format: Format, colors: Bool, width: Int? = nil) -> String {
    switch format {
    case .auto, .table, .pyout: return table(width: width)
    case .summaries: return summaries(colors: colors)
    case .json, .jsonPretty:
      let rows = JSONValue.array(SideBySide.map(rows) { .object(row($0, isDisplayed: false)) })
      let bytes = JSONWriter.bytes(of: rows, indent: format == .jsonPretty ? 2 : nil)
      return String(decoding: bytes, as: UTF8.self) + "\n"
    }
  }

  /// The fields of a run, without those that it does not have.
  ///
  /// - Parameter isDisplayed: the text is for a terminal, so nothing in a record may move the cursor.
  private func row(
    _ run: ListedRun, isDisplayed: Bool, colors: Bool = false
  ) -> OrderedDictionary<String, JSONValue> {
    var row = OrderedDictionary<String, JSONValue>()
    for field in fields {
      guard var value = run.field(field) else { continue }
      if isDisplayed, let text = value.string { value = .string(text.bounded().forDisplay) }
      row[field] = Self.formatted(field, value, colors: colors)
    }
    return row
  }

  private static func formatted(_ field: String, _ value: JSONValue, colors: Bool) -> JSONValue {
    guard let template = templates[field] else { return value }
    return .string(template.render(["value": TemplateValue(value)], colors: colors))
  }

  private func table(width: Int?) -> String {
    // No colors: their escape sequences would count as width.
    var table = TextTable(fields.map { ($0.uppercased(), .left) })
    let rows = SideBySide.map(rows) { run in
      let row = row(run, isDisplayed: true)
      return fields.map { row[$0]?.plainText ?? "" }
    }
    for row in rows { table.add(row) }
    return table.isEmpty ? "" : table.text(width: width)
  }

  private func summaries(colors: Bool) -> String {
    rows.map { run in
      row(run, isDisplayed: true, colors: colors).map { field, value in
        let title = field.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }
          .joined(separator: " ")
        return (field == "prefix" ? "" : "\t") + "\(title): \(value.plainText)\n"
      }.joined()
    }.joined()
  }
}

extension TemplateValue {
  init(_ value: JSONValue) {
    switch value {
    case .integer(let number): self = .integer(Int(number))
    case .number(let number): self = .number(number)
    case .string(let text): self = .text(text)
    case .null: self = TemplateValue.none
    default: self = .text(value.plainText)
    }
  }
}

extension JSONValue {
  /// A string as it is, null as an empty string, and everything else as JSON.
  var plainText: String {
    switch self {
    case .string(let text): text
    case .null: ""
    default: String(decoding: JSONWriter.bytes(of: self), as: UTF8.self)
    }
  }
}
