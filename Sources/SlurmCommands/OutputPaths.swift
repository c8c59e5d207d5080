internal import RecordText
internal import SlurmJobs

/// Where a job's output goes. squeue prints the pattern that sbatch was given, and without one, up to 23.11 at least,
/// a name that is wrong for tasks of an array; so the patterns are filled in here, as libslurm does.
struct OutputPaths {
  /// Slurm's mark for "no task", which stands in names where there is none.
  private static let noTask = "4294967294"

  let job: SlurmJobFields
  /// Nil for sbatch's default.
  private let stdout: String?
  private let stderr: String?

  /// - Parameters:
  ///   - stdout: what squeue prints for it, likewise `stderr`.
  init(_ job: SlurmJobFields, stdout: String, stderr: String) {
    self.job = job
    let guess = "\(job.workingDir ?? "")/slurm-\(job.jobID).out"
    func pattern(_ text: String) -> String? { text == guess ? nil : CommandText.value(text) }
    self.stdout = pattern(stdout)
    self.stderr = pattern(stderr)
  }

  func set(_ record: inout JobRecord) {
    record.stdoutPath = path(stdout, task: nil)
    record.stderrPath = path(stderr, task: nil)
  }

  /// The paths of a task that has not started.
  func set(_ record: inout JobRecord, task: UInt32) {
    record.stdoutPath = isKnownBeforeStart(stdout) ? path(stdout, task: task) : nil
    record.stderrPath = isKnownBeforeStart(stderr) ? path(stderr, task: task) : nil
  }

  /// %j is the id that the task will get. A name that came filled in, with the array's id in it, may hide it.
  private func isKnownBeforeStart(_ pattern: String?) -> Bool {
    guard let pattern else { return true }
    if pattern.contains("%") { return !pattern.contains("%j") && !pattern.contains("%J") }
    if pattern == defaultPath(task: Self.noTask) { return true }
    return !pattern.split { !$0.isNumber }.contains("\(job.jobID)")
  }

  private func path(_ pattern: String?, task: UInt32?) -> String? {
    let number = (task ?? job.arrayTaskID).map { "\($0)" } ?? Self.noTask
    guard let pattern else { return defaultPath(task: number) }
    if !pattern.contains("%") { return task == nil ? pattern : pattern.replacing(Self.noTask, with: number) }
    return filled(pattern, task: number)
  }

  private func defaultPath(task: String) -> String {
    let name = job.arrayJobID.map { "\($0)_\(task)" } ?? "\(job.jobID)"
    return "\(job.workingDir ?? "")/slurm-\(name).out"
  }

  private func filled(_ pattern: String, task: String) -> String {
    var result = ""
    var rest = pattern[...]
    while let mark = rest.firstIndex(of: "%") {
      result += rest[..<mark]
      let after = rest[mark...].dropFirst()
      switch after.first {
      case "A": result += "\(job.arrayJobID ?? job.jobID)"
      case "a": result += task
      case "j": result += "\(job.jobID)"
      case "u": result += job.userName ?? ""
      case "x": result += job.name ?? ""
      default: result += rest[mark...].prefix(2)
      }
      rest = after.dropFirst()
    }
    return result + rest
  }
}
