import Glibc
internal import RecordText
public import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// A job, or the tasks of an array, to submit again as it was submitted.
public struct Resubmission: Sendable {
  /// `job 118 (train)`, `3 tasks of array 200 (prep)`.
  public let title: String
  /// The directory to submit from.
  public let directory: String
  /// The command: sbatch, its options and the script.
  public let words: [String]
  /// The campaign of the run that submitted it; nil if it has none.
  public let campaign: String?

  /// The command for a shell, with the directory and the campaign.
  public var shellLine: String {
    let variable = campaign.map { "DUCT_CAMPAIGN=\($0.shellWord) " } ?? ""
    return "cd \(directory.shellWord) && \(variable)\(words.map(\.shellWord).joined(separator: " "))"
  }

  /// Why a job is not submitted again, in one line.
  public struct Refusal: Error, Sendable {
    public let line: String
  }

  public typealias Outcome = Result<Resubmission, Refusal>

  /// What to submit again, in the order of the jobs. The tasks of an array are one submission.
  ///
  /// - Parameter localCluster: in lower case; nil if not known.
  public static func of(_ jobs: [JobRecord], campaign: String?, localCluster: String?) -> [Outcome] {
    var groups: [(key: Key, jobs: [JobRecord])] = []
    var places: [Key: Int] = [:]
    for job in jobs {
      let key = Key(
        cluster: job.cluster, id: job.arrayJobID ?? job.jobID, isArray: job.arrayJobID != nil)
      if let place = places[key] {
        groups[place].jobs.append(job)
      } else {
        places[key] = groups.count
        groups.append((key, [job]))
      }
    }
    return groups.map { group in
      Result { () throws(Refusal) in
        try Resubmission(group.jobs, campaign: campaign, localCluster: localCluster)
      }
    }
  }

  private struct Key: Hashable {
    var cluster: String?
    var id: UInt32?
    var isArray: Bool
  }

  /// - Parameter jobs: one job, or tasks of one array.
  private init(_ jobs: [JobRecord], campaign: String?, localCluster: String?) throws(Refusal) {
    let job = jobs[0]
    let count = JobSummary.count(jobs)
    let name = job.name.map { " (\($0))" } ?? ""
    let title =
      (jobs.count == 1 ? "job \(job.displayID)" : "\(count) tasks of array \(job.arrayJobID ?? 0)") + name
    self.title = title
    self.campaign = campaign
    func refusal(_ reason: String) -> Refusal { Refusal(line: "\(title) is not submitted again: \(reason)") }
    if jobs.contains(where: { !$0.hasEnded }) { throw refusal("it has not ended") }
    if job.hetJobID != nil { throw refusal("it is a part of a heterogeneous job") }
    let (text, directory) = try Self.origin(of: jobs, refusal)
    self.directory = directory
    let line: SubmitLine
    do throws(SubmitLine.Refusal) { line = try SubmitLine(text) } catch {
      throw refusal("\(error.text): \(text)")
    }
    if let dependency = line.dependency {
      throw refusal(
        "it depends on other jobs (\(dependency)), which have other ids when they are submitted again")
    }
    if let other = line.directory, !other.hasPrefix("/") || !line.script[0].hasPrefix("/") {
      throw refusal("with --chdir=\(other), the directory in which it was submitted is not known")
    }
    if let cluster = job.cluster?.lowercased(), line.cluster == nil, cluster != localCluster {
      throw refusal("it is a job of cluster \(cluster)")
    }
    guard let script = Self.find(line.script[0], in: directory) else {
      throw refusal(
        "there is no script \(line.script[0]) in \(directory), or Slurm has not kept the quotes around a word: \(text)"
      )
    }
    if !line.script[0].hasPrefix("/"), let other = Self.directive("chdir", "D", of: script) {
      throw refusal("with #SBATCH --chdir=\(other), the directory in which it was submitted is not known")
    }
    words = line.words(array: try Self.array(jobs, line, script, refusal))
  }

  /// The submit line, and the directory from which the job was submitted. Slurm has neither for the tasks of an array
  /// that never started, but has them for the others.
  private static func origin(
    of jobs: [JobRecord], _ refusal: (String) -> Refusal
  ) throws(Refusal) -> (line: String, directory: String) {
    guard let text = jobs.lazy.compactMap(\.submitLine).first(where: { !$0.isEmpty }) else {
      throw refusal("its submit line is not known")
    }
    guard let directory = jobs.lazy.compactMap(\.workingDir).first(where: { $0.hasPrefix("/") }) else {
      throw refusal("its working directory is not known")
    }
    return (text, directory)
  }

  /// The tasks with the limit of tasks that run at once; nil for a job that is no array.
  private static func array(
    _ jobs: [JobRecord], _ line: SubmitLine, _ script: FilePath, _ refusal: (String) -> Refusal
  ) throws(Refusal) -> String? {
    if jobs[0].arrayJobID == nil { return nil }
    let parts = jobs.map {
      $0.arrayTaskID.map { "\($0)" } ?? $0.arrayTasks.map { String($0.prefix { $0 != "%" }) }
    }
    let known = parts.compactMap { $0 }
    guard known.count == parts.count, let tasks = ArrayTasks.joined(known) else {
      throw refusal("which of its tasks these are is not known")
    }
    let limit = (line.array ?? directive("array", "a", of: script)).flatMap { text in
      text.firstIndex(of: "%").map { String(text[$0...]) }
    }
    return tasks + (limit ?? "")
  }

  /// As sbatch finds it: in the directory, or a name without a slash also in PATH.
  private static func find(_ script: String, in directory: String) -> FilePath? {
    let path = FilePath(escaped: script.hasPrefix("/") ? script : directory + "/" + script)
    var information = stat()
    if path.withPlatformString({ stat($0, &information) }) == 0, information.st_mode & S_IFMT == S_IFREG {
      return path
    }
    if script.contains("/") { return nil }
    let search = getenv("PATH").map { Array(String(cString: $0).utf8) }
    return file(named: script.originalBytes, inSearchPath: search)
  }

  /// Bytes of a script that are searched for options.
  private static let longestHead = 1 << 20

  /// The value of an option in the script's `#SBATCH` lines, which end at its first command.
  private static func directive(_ name: String, _ letter: Character, of script: FilePath) -> String? {
    guard let bytes = try? readAll(script, limit: longestHead) else { return nil }
    var value: String?
    for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
      guard line.hasPrefix("#") else { break }
      var words = line.split(whereSeparator: \.isWhitespace)[...]
      guard words.popFirst() == "#SBATCH" else { continue }
      while let word = words.popFirst() {
        if word.hasPrefix("#") { break }
        if word == "--\(name)" || word == "-\(letter)" {
          value = words.popFirst().map(String.init)
        } else if word.hasPrefix("--\(name)=") {
          value = String(word.dropFirst(name.count + 3))
        } else if word.hasPrefix("-\(letter)") {
          value = String(word.dropFirst(2))
        }
      }
    }
    return value
  }
}
