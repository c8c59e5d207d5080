public import DuctRecords
import Glibc
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// Expands the template of `--output-prefix`.
public enum LogPrefix {
  static let deprecatedName = "datetime_filesafe"
  /// Replaces a Slurm variable outside of a job.
  static let none = "none"

  static let names: Set<String> = [
    "datetime", deprecatedName, "pid", "hostname", "user", "slurm", "slurm_job_id", "slurm_array_task_id",
    "slurm_step_id", "slurm_procid", "slurm_restart_count",
  ]

  /// What stands behind a prefix of the user in the names of a step's records.
  public static let ofStep = "{slurm}-{pid}_"

  /// The default template: in a job, with the ids of job, step and task.
  public static func standard(_ environment: [String: String]) -> String {
    SlurmTaskName(environment) == nil
      ? RunSettings.Defaults.outputPrefix : RunSettings.Defaults.outputPrefixInJob
  }

  /// The process id as the default name has it: in a pid namespace, where many processes are the first one, with the
  /// random part of the run id.
  ///
  /// - Parameter attempt: from 2 on, the number goes behind it, because earlier names are taken.
  public static func standardPid(runID: String, attempt: Int) -> String {
    let random = isInPidNamespace ? runID.lastIndex(of: "-").map { String(runID[$0...]) } : nil
    return "\(getpid())\(random ?? "")\(attempt == 1 ? "" : ".\(attempt)")"
  }

  /// The inode number of the first pid namespace of a host: the kernel's PROC_PID_INIT_INO.
  private static let firstPidNamespace: ino_t = 0xEFFF_FFFC

  private static var isInPidNamespace: Bool {
    var information = stat()
    return stat("/proc/self/ns/pid", &information) == 0 && information.st_ino != firstPidNamespace
  }

  /// - Parameter pid: the text for `{pid}`; nil: the process id.
  /// - Throws: if the template contains an unknown name, or if the result cannot be a path.
  public static func paths(
    template text: String, start: WallTime, host: String, environment: [String: String], pid: String? = nil
  ) throws(UsageError) -> LogPaths {
    let prefix: String
    do throws(Problem) {
      let template = try SummaryTemplate(text, fields: names)
      let datetime = start.text(format: "%Y.%m.%dT%H.%M.%S")
      prefix = template.render(
        [
          "datetime": .text(datetime), deprecatedName: .text(datetime),
          "pid": .text(pid ?? "\(getpid())"), "hostname": .text(host),
          "user": .text(userName(environment) ?? "\(getuid())"),
          "slurm": .text(SlurmTaskName(environment)?.text ?? none),
          "slurm_job_id": .text(environment["SLURM_JOB_ID"] ?? none),
          "slurm_array_task_id": .text(environment["SLURM_ARRAY_TASK_ID"] ?? none),
          "slurm_step_id": .text(environment["SLURM_STEP_ID"] ?? none),
          "slurm_procid": .text(environment["SLURM_PROCID"] ?? none),
          "slurm_restart_count": .text(environment["SLURM_RESTART_COUNT"] ?? none),
        ], colors: false)
    } catch {
      throw UsageError("--output-prefix: \(error.description)")
    }
    if prefix.utf8.contains(0) { throw UsageError("--output-prefix: a path cannot hold a NUL") }
    let paths = LogPaths(prefix: prefix)
    if let problem = lengthProblem(paths.absolute(in: currentDirectory())) {
      throw UsageError("--output-prefix: \(problem)")
    }
    return paths
  }

  /// The longest name on all common file systems, in bytes.
  private static let longestName = 255
  /// The longest path that the kernel accepts, and what temporary names add to the name of a file (a `.` in front and
  /// `.RUN_ID.N.tmp` behind), in bytes.
  private static let (longestPath, besideIt) = (4095, 40)

  /// Why neither this run nor `recover` could write files with such long names. Nil if they can.
  private static func lengthProblem(_ paths: LogPaths) -> String? {
    let longest = paths.all.map(\.originalBytes).max { $0.count < $1.count } ?? []
    let name = longest.split(separator: UInt8(ascii: "/")).map(\.count).max() ?? 0
    if name > longestName { return "a name in it has \(name) bytes, and may have \(longestName)" }
    let most = longestPath - besideIt
    return longest.count > most ? "its paths have up to \(longest.count) bytes, and may have \(most)" : nil
  }

  public static func isDeprecated(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes { $0.contains("{datetime_filesafe") }
  }
}
