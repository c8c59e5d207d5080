public import RecordText
public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// A run as its info.json tells it: duct's own, or con-duct's.
public struct RecordedRun: Sendable {
  /// Where the records are now; they may have been moved since the run.
  public var prefix: String
  public var info: JSONValue
  /// The jobs that it submitted, as recorded.
  public var jobs: [JobRecord]

  /// - Throws: `RecordError` if the file cannot be read, or is no info.json.
  public init(reading path: FilePath) throws(RecordError) {
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try readAll(path, limit: 1 << 30)
    } catch {
      throw RecordError("cannot read \(path): \(error.description) (\(error.name))")
    }
    do throws(JSONSyntaxError) {
      info = try JSONParser.parse(bytes)
    } catch {
      throw RecordError(bytes.isEmpty ? "\(path) is empty" : "\(path) is no JSON: \(error.description)")
    }
    guard info["execution_summary"] != nil, info["schema_version"]?.string != nil else {
      throw RecordError("\(path) is no info.json of duct: it has no execution_summary")
    }
    let text = path.escapedText
    prefix = String(text.dropLast(RunFinder.infoSuffix.count))
    jobs = (info["slurm"]?["submitted_jobs"]?.array ?? []).compactMap {
      try? RecordDecoder().decode(JobRecord.self, from: $0)
    }
  }

  public var runID: String? { info["run_id"]?.string }
  public var state: String? { info["run_state"]?.string }
  public var campaign: String? { info["campaign"]?.string }
  public var tag: String? { info["slurm"]?["tag"]?.string }
  public var summary: JSONValue? { info["execution_summary"] }
  public var command: String { info["command"]?.string ?? "" }
  public var exitCode: Int? { summary?["exit_code"]?.double.map { Int($0) } }

  /// A member by its name, at any depth: the last one of that name, as con-duct's `ls` flattens.
  public func field(_ name: String) -> JSONValue? {
    if name == "prefix" { return .string(prefix) }
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

/// Why a record cannot be used.
public struct RecordError: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}
