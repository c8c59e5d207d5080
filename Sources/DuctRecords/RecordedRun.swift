import Glibc
public import RecordText
public import SlurmJobs
public import SystemCalls
public import SystemPackage

/// A run as recorded in its info.json, by duct or con-duct.
public struct RecordedRun: Sendable {
  /// The prefix of the records where they were found: they may have been moved since the run. For a record
  /// beside a name that another run has taken: its whole path, so that no two runs have the same prefix.
  public var prefix: String
  /// The contents of info.json, without `submitted_jobs`.
  public var info: JSONValue
  /// The submitted jobs, as recorded.
  public var jobs: [JobRecord]

  /// Number of entries in the list of jobs that cannot be read.
  public private(set) var unreadableJobs = 0
  private let file: String
  private var firstJobProblem = ""

  /// Id of the user who owns the record; nil if it was not read from a file.
  private var owner: UInt32?
  /// Bytes.
  let size: Int
  /// The file that it was read from, whatever its path; nil if it was not read from a file.
  public private(set) var place: RegularFile.Place?

  /// Bytes. A larger record is not read: duct writes none, and it could need more memory than a login node has.
  private static let largestRecord = 256 << 20
  /// JSON values, without the jobs. A record of that size has fewer.
  private static let mostValues = 20_000_000
  /// A record with as many jobs takes some 500 MB in memory.
  private static let mostJobs = 500_000

  /// - Parameter selection: from `selection(for:)`, if only `field` is asked, and only for some fields. Then there are no
  ///   jobs, and `info` has the needed members side by side, wherever they are in the record. Nil: everything.
  /// - Throws: `Problem` if the file cannot be read, or is not an info.json.
  public init(reading path: FilePath, only selection: JSONSelection? = nil) throws(Problem) {
    let text: FileText
    let owner: UInt32
    let place: RegularFile.Place
    do throws(Problem) {
      let file = try RegularFile.open(path)
      (owner, place) = (file.owner, file.place)
      text = try file.text(limit: Self.largestRecord)
    } catch {
      throw Problem("cannot read \(path): \(error.description)")
    }
    defer { withExtendedLifetime(text) {} }
    try self.init(text.bytes, of: path, only: selection) { text.release($0) }
    (self.owner, self.place) = (owner, place)
  }

  /// The users whose files may be shown as output of this run's jobs.
  ///
  /// The jobs belong to the user who ran duct, and that user owns the record. If root or the reader owns it, as
  /// in an archive, the recorded user id is trusted too.
  public var outputOwners: Set<UInt32> {
    let owner = owner ?? geteuid()
    guard owner == 0 || owner == geteuid(),
      let uid = info["system"]?["uid"]?.double.flatMap({ UInt32(exactly: $0) })
    else { return [owner] }
    return [owner, uid]
  }

  init(_ bytes: [UInt8], of path: FilePath) throws(Problem) {
    self = try bytes.withUnsafeBufferPointer { bytes throws(Problem) in
      try Self(bytes, of: path, only: nil) { _ in }
    }
  }

  private init(
    _ bytes: UnsafeBufferPointer<UInt8>, of path: FilePath, only selection: JSONSelection?,
    release: (Range<Int>) -> Void
  ) throws(Problem) {
    var slurm: Section?
    do throws(Problem) {
      if let selection {
        info = try selection.flatObject(in: bytes, most: Self.mostValues)
      } else {
        let contents = try withoutActuallyEscaping(release) { release throws(Problem) in
          try Contents(json: bytes, release: release)
        }
        (info, slurm) = (contents.info, contents.slurm)
      }
    } catch {
      // The text is no JSON, or it is JSON and no object.
      throw Problem(bytes.isEmpty ? "\(path) is empty" : "\(path) is \(error)")
    }
    for member in ["schema_version", "execution_summary"] where info[member] == nil {
      throw Problem("\(path) is no info.json of duct: it has no \(member)")
    }
    size = bytes.count
    file = path.escapedText
    prefix = LogPaths.isInfoBeside(file) ? file : String(file.dropLast(LogPaths.Suffix.info.count))
    jobs = slurm?.jobs ?? []
    unreadableJobs = slurm?.unreadableJobs ?? 0
    firstJobProblem = slurm?.firstProblem ?? ""
  }

  /// info.json as it is read: the jobs as records, and everything else as values, because another release or con-duct
  /// may have written it.
  private struct Contents: Record {
    var slurm: Section?
    private var others: [(name: String, value: JSONValue)] = []

    mutating func list(_ members: inout RecordMembers) {
      members.readIfRight("slurm", &slurm)
      members.readOthers(than: ["slurm"], &others, most: RecordedRun.mostValues)
    }

    var info: JSONValue {
      var info = JSONValue.object([:])
      for (name, value) in others { info[name] = value }
      if let slurm { info["slurm"] = slurm.value }
      return info
    }
  }

  /// The section on Slurm as it is read.
  private struct Section: Record {
    private(set) var jobs: [JobRecord] = []
    private(set) var unreadableJobs = 0
    private(set) var firstProblem: String?
    private var others: [(name: String, value: JSONValue)] = []

    mutating func list(_ members: inout RecordMembers) {
      var problems: [String] = []
      members.readEach("submitted_jobs", &jobs, most: RecordedRun.mostJobs) { job in
        job.jobID == nil && (job.arrayJobID ?? 0) == 0 ? "there is no job_id" : nil
      } note: { problem in
        problems.append(problem)
      }
      unreadableJobs = problems.count
      firstProblem = problems.first
      members.readOthers(than: ["submitted_jobs"], &others, most: RecordedRun.mostValues)
    }

    var value: JSONValue {
      var value = JSONValue.object([:])
      for (name, member) in others { value[name] = member }
      return value
    }
  }

  /// What could not be read of the record; nil if all could.
  public var problem: Problem? {
    if unreadableJobs == 0 { return nil }
    let count = unreadableJobs == 1 ? "a Slurm job" : "\(unreadableJobs) Slurm jobs"
    return Problem("\(file): \(count) in it cannot be read: \(firstJobProblem)")
  }

  public var runID: String? { info["run_id"]?.string }
  public var state: String? { info["run_state"]?.string }
  public var campaign: String? { info["campaign"]?.string }
  /// Why Slurm did not report everything when the record was written; nil if it did.
  public var slurmProblem: String? { info["slurm"]?["problem"]?.string }
  /// The tag of the run. Nil also if the value is not one that duct sets, because it becomes a part of a query
  /// to slurmdbd.
  public var tag: String? {
    guard let tag = info["slurm"]?["tag"]?.string, JobTag.runID(of: tag) != nil,
      tag.unicodeScalars.allSatisfy({
        $0.isASCII && ($0.properties.isAlphabetic || $0 == "-" || ("0"..."9").contains($0))
      })
    else { return nil }
    return tag
  }
  public var summary: JSONValue? { info["execution_summary"] }
  public var command: String { info["command"]?.string ?? "" }
  public var exitCode: Int? { summary?["exit_code"]?.double.flatMap { Int(exactly: $0) } }

  /// The members that `field` needs for fields of these names; nil if it needs the jobs.
  public static func selection(for fields: Set<String>) -> JSONSelection? {
    if fields.contains("jobs") { return nil }
    var names = fields.union(["schema_version", "execution_summary"])
    if fields.contains("run_state") { names.formUnion(RunLife.members) }
    return JSONSelection(names)
  }

  /// A member by its name, at any depth: the last one of that name, because con-duct's `ls` flattens records in
  /// this way. `prefix`, `run_state` and `jobs` are computed.
  public func field(_ name: String) -> JSONValue? {
    if name == "prefix" { return .string(prefix) }
    if name == "run_state", state != nil { return presentState.map { .string($0) } }
    if name == "jobs" { return jobs.isEmpty ? nil : .string(JobSummary.text(jobs)) }
    return find(name)
  }

  /// A member by its name, at any depth: the last one of that name.
  public func find(_ name: String) -> JSONValue? { Self.find(name, in: info) }

  private static func find(_ name: String, in value: JSONValue) -> JSONValue? {
    guard case .object(let members) = value else { return nil }
    var found: JSONValue?
    for (key, member) in members {
      if case .object = member {
        found = find(name, in: member) ?? found
      } else if key == name {
        found = member
      }
    }
    return found
  }
}
