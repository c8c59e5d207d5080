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

  /// Bytes. A larger record is not read: duct writes none, and it could need more memory than a login node has.
  private static let largestRecord = 256 << 20
  /// JSON values. A record of that size has fewer.
  private static let mostValues = 20_000_000

  /// - Throws: `Problem` if the file cannot be read, or is not an info.json.
  public init(reading path: FilePath) throws(Problem) {
    let bytes: [UInt8]
    let owner: UInt32
    do throws(Problem) {
      let file = try RegularFile.open(path)
      owner = file.owner
      bytes = try file.bytes(limit: Self.largestRecord)
    } catch {
      throw Problem("cannot read \(path): \(error.description)")
    }
    try self.init(bytes, of: path)
    self.owner = owner
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
    do throws(JSONSyntaxError) {
      info = try JSONParser.parse(bytes, most: Self.mostValues)
    } catch {
      throw Problem(bytes.isEmpty ? "\(path) is empty" : "\(path) is no JSON: \(error.description)")
    }
    for member in ["schema_version", "execution_summary"] where info[member] == nil {
      throw Problem("\(path) is no info.json of duct: it has no \(member)")
    }
    file = path.escapedText
    prefix = LogPaths.isInfoBeside(file) ? file : String(file.dropLast(LogPaths.Suffix.info.count))
    jobs = []
    switch info["slurm"]?["submitted_jobs"] {
    case nil, .null?: break
    case .array(let entries)?:
      // From here on, the jobs are in `jobs`. Otherwise, memory would hold them twice.
      info.remove("submitted_jobs", from: "slurm")
      for entry in entries { add(entry) }
    case _?: noteUnreadable("submitted_jobs is no list")
    }
  }

  private mutating func add(_ entry: JSONValue) {
    do {
      let job = try RecordDecoder().decode(JobRecord.self, from: Self.completed(entry))
      guard job.jobID != nil || (job.arrayJobID ?? 0) != 0 else {
        return noteUnreadable("there is no job_id")
      }
      jobs.append(job)
    } catch {
      noteUnreadable(Self.describe(error))
    }
  }

  private mutating func noteUnreadable(_ problem: String) {
    if unreadableJobs == 0 { firstJobProblem = problem }
    unreadableJobs += 1
  }

  /// Adds members that another release of duct may have left out, and removes values of that release that this
  /// one does not know. The job is useful without them.
  private static func completed(_ entry: JSONValue) -> JSONValue {
    guard case .object(var members) = entry else { return entry }
    if members["stale"]?.isNull ?? true { members["stale"] = false }
    if members["state_flags"]?.isNull ?? true { members["state_flags"] = [] }
    members["detected_by"] = .array(
      (members["detected_by"]?.array ?? []).filter { JobEvidence(rawValue: $0.string ?? "") != nil })
    if JobSource(rawValue: members["source"]?.string ?? "") == nil { members["source"] = .null }
    return .object(members)
  }

  private static func describe(_ error: any Error) -> String {
    func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
    switch error as? DecodingError {
    case .keyNotFound(let key, _)?: return "there is no \(key.stringValue)"
    case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
      return context.codingPath.isEmpty
        ? "it is no object" : "\(name(context.codingPath)) has another type, or is beyond its range"
    default: return "\(error)"
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

  /// A member by its name, at any depth: the last one of that name, because con-duct's `ls` flattens records in
  /// this way. `prefix`, `run_state` and `jobs` are computed.
  public func field(_ name: String) -> JSONValue? {
    if name == "prefix" { return .string(prefix) }
    if name == "run_state", state != nil { return presentState.map { .string($0) } }
    if name == "jobs" { return jobs.isEmpty ? nil : .string(JobSummary.text(jobs)) }
    return Self.find(name, in: info)
  }

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
