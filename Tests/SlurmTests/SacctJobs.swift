import RecordText
import TestSupport

/// A line of `sacct --duplicates`: a run of a job, or a step of it.
struct SacctRow {
  static let fields = [
    "JobID", "JobIDRaw", "JobName", "User", "Cluster", "Partition", "State", "ExitCode", "Submit", "Eligible",
    "Start", "End", "ElapsedRaw", "TimelimitRaw", "NodeList", "NNodes", "AllocCPUS", "ReqCPUS", "ReqTRES",
    "AllocTRES", "TRESUsageInTot", "TRESUsageOutTot", "TotalCPU",
  ]
  private static let notSet = ["", "Unknown", "None", "None assigned"]
  private var values: [String: String]

  init(_ line: Substring) throws {
    let cells = line.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
    guard cells.count == Self.fields.count else { throw Testbed.Trouble(description: "sacct: \(line)") }
    values = Dictionary(uniqueKeysWithValues: zip(Self.fields, cells))
  }

  /// Nil for a field that is not set.
  subscript(name: String) -> String? {
    get { values[name].flatMap { Self.notSet.contains($0) ? nil : $0 } }
    set { values[name] = newValue ?? "" }
  }

  func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

  /// Without who has cancelled it.
  var state: String { self["State"].map { String($0.prefix { $0 != " " }) } ?? "" }
  var isStep: Bool { self["JobID"]?.contains(".") == true }
  var isBatch: Bool { self["JobID"]?.hasSuffix(".batch") == true }

  /// A resource of a list such as `cpu=1,mem=500M`; memory and files in bytes.
  func resource(_ resource: String, _ field: String) -> Int? {
    let entry = self[field]?.split(separator: ",").first { $0.hasPrefix(resource + "=") }
    guard let text = entry?.dropFirst(resource.count + 1) else { return nil }
    for (unit, power) in [("K", 10), ("M", 20), ("G", 30)] where text.hasSuffix(unit) {
      return Double(text.dropLast()).map { Int($0 * Double(1 << power)) }
    }
    return Int(text)
  }

  /// `EXIT:SIGNAL`.
  var exit: (code: Int, signal: Int)? {
    let parts = (self["ExitCode"] ?? "").split(separator: ":").compactMap { Int($0) }
    return parts.count == 2 ? (parts[0], parts[1]) : nil
  }

  /// `[[hours:]minutes:]seconds.thousandths`.
  var cpuSeconds: Double {
    (self["TotalCPU"] ?? "").split(separator: ":").reduce(0) { $0 * 60 + (Double($1) ?? 0) }
  }
}

/// A job or an array task, from what sacct prints about it.
struct SacctJob {
  var id: String
  var last: SacctRow
  /// The runs that a requeue ended.
  var earlier: [SacctRow] = []
  /// Of the last run.
  var steps: [SacctRow]

  var name: String { last["JobName"] ?? "" }
  var hasStarted: Bool { last["Start"] != nil }
  var elapsed: Int { hasStarted ? last.number("ElapsedRaw") ?? 0 : 0 }
  var wait: Int? {
    guard let start = last.number("Start"), let eligible = last.number("Eligible") else { return nil }
    return start - eligible
  }
  var cpus: Int? { last.number(hasStarted ? "AllocCPUS" : "ReqCPUS") }
  var memoryAsked: Int? { last.resource("mem", "ReqTRES") }

  /// The script, and the largest of the steps that it starts one after another.
  var memoryUsed: Int? {
    let script = steps.filter(\.isBatch).compactMap { $0.resource("mem", "TRESUsageInTot") }.first
    let others = steps.filter { !$0.isBatch }.compactMap { $0.resource("mem", "TRESUsageInTot") }.max()
    return script == nil && others == nil ? nil : (script ?? 0) + (others ?? 0)
  }

  func files(_ field: String) -> Int? {
    let values = steps.compactMap { $0.resource("fs/disk", field) }
    return values.isEmpty ? nil : values.reduce(0, +)
  }

  /// How its script ended. sacct has 0:0 for a job that was ended from outside, but not for its script; and it prints
  /// an exit code above 128 without these 128 (26.05 prints all of it).
  var exit: (code: Int, signal: Int)? {
    guard hasStarted else { return nil }
    if ["CANCELLED", "TIMEOUT"].contains(last.state) { return steps.first(where: \.isBatch)?.exit }
    return last.exit.map { (name == "child" && $0.code < 128 ? $0.code + 128 : $0.code, $0.signal) }
  }

  var hasFailedStep: Bool {
    last.state == "COMPLETED"
      && steps.contains { !$0.isBatch && ($0.exit?.code != 0 || $0.exit?.signal != 0) }
  }

  /// It has ended in accounting, with its steps.
  var isComplete: Bool {
    if last.state == "PENDING" { return true }
    return last["End"] != nil && (!hasStarted || steps.contains(where: \.isBatch))
      && steps.allSatisfy { $0["End"] != nil && $0.state != "RUNNING" }
  }

  /// The jobs with these ids, in sacct's order.
  static func all(_ ids: [String], _ fixture: SlurmFixture) async throws -> [SacctJob] {
    let text = try await fixture.tool(
      "sacct", "-nPD", "--noconvert", "--delimiter=\u{1F}", "-j", ids.joined(separator: ","), "-o",
      SacctRow.fields.joined(separator: ","), environment: ["SLURM_TIME_FORMAT": "%s"])
    var runs: [(row: SacctRow, steps: [SacctRow])] = []
    for row in try text.split(separator: "\n").map({ try SacctRow($0) }) {
      if row.isStep, !runs.isEmpty { runs[runs.count - 1].steps.append(row) } else { runs.append((row, [])) }
    }
    var jobs: [SacctJob] = []
    for run in runs.sorted(by: { $0.row.number("Submit") ?? 0 < $1.row.number("Submit") ?? 0 }) {
      for (id, row) in tasks(run.row) {
        if let place = jobs.firstIndex(where: { $0.id == id }) {
          jobs[place].earlier.append(jobs[place].last)
          (jobs[place].last, jobs[place].steps) = (row, run.steps)
        } else {
          jobs.append(SacctJob(id: id, last: row, steps: run.steps))
        }
      }
    }
    return jobs
  }

  /// Tasks that were cancelled while they waited share a line, `111_[1-12]`, and have no id of their own.
  private static func tasks(_ row: SacctRow) -> [(String, SacctRow)] {
    let id = row["JobID"] ?? ""
    let parts = id.split(separator: "[")
    guard parts.count == 2 else { return [(id, row)] }
    var row = row
    row["JobIDRaw"] = nil
    let ends = parts[1].dropLast().split(separator: "-").compactMap { Int($0) }
    return (ends[0]...ends[ends.count - 1]).map { ("\(parts[0])\($0)", row) }
  }
}
