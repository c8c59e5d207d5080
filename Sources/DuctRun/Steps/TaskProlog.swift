public import DuctSettings
internal import DuctRecords
import Glibc
internal import ProcessSampling
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The work of `duct-task-prolog` and `duct-task-epilog`, which Slurm runs for each task of a step, and of
/// `duct-job-epilog`, which it runs on each node after a job.
///
/// Nothing here may fail a task: a problem is one line on standard error and in the log of the system, and the exit code
/// is always 0.
public enum TaskScript {
  /// The variable that turns the watch of steps on.
  static let variable = "DUCT_PROLOG"
  /// How often a prolog begins anew, because the process that watched an earlier part of the step ends just now.
  private static let mostTries = 3

  /// Seconds.
  private static let longestWait = 0.5
  /// Seconds that `recover` tries after a job to write to a log directory that fails.
  private static let recoveryLimit = 20

  /// Whether the user wants steps to be watched.
  static func isWanted(_ environment: [String: String]) -> Bool { environment[variable] == "on" }

  static func tell(_ line: String) {
    complain(line)
    warnInSystemLog(line)
  }

  /// Announces the task, and starts the process that watches the step on this node unless it runs already.
  ///
  /// - Returns: lines for slurmstepd, which set variables of the task.
  public static func prolog(_ surroundings: Surroundings) -> String {
    let environment = surroundings.environment
    guard isWanted(environment), let member = StepMember(environment) else { return "" }
    guard let (pid, daemon) = task(of: member) else {
      tell("duct-task-prolog: /proc does not show the task of \(member.step): it is not watched")
      return ""
    }
    for _ in 0..<mostTries {
      do throws(Problem) {
        let folder = try StepFolder(member.folderName, environment, spool: spool(surroundings))
        let line = StepFolder.Line(procID: member.procID, pid: Int(pid), start: WallTime.now.seconds)
        // Noted before one of the prologs gets the lock, so that each of them has an id to tell.
        let watch = StepFolder.Watch(
          runID: RunID.make(.now), job: Int(member.step.job), step: member.step.step ?? "", daemon: daemon,
          pid: nil)
        do {
          try folder.offer(watch)
          try folder.announce(line)
        } catch {
          // The watch of an earlier part of the step has removed it just now.
          if !folder.folder.isInPlace { continue }
          throw Problem("\(folder.folder.path): \(error)")
        }
        if let lock = folder.takeLock() { return exports(try start(folder, else: watch, lock)) }
        if folder.folder.isInPlace { return exports(wake(folder)?.runID) }
      } catch {
        tell("duct-task-prolog: \(error): task \(member.procID) of \(member.step) is not watched")
        return ""
      }
    }
    return ""
  }

  /// Announces the end of the task to the process that watches the step.
  public static func epilog(_ surroundings: Surroundings) {
    let environment = surroundings.environment
    guard isWanted(environment), let member = StepMember(environment) else { return }
    do throws(Problem) {
      let folder = try StepFolder(member.folderName, environment, spool: spool(surroundings))
      let line = StepFolder.Line(procID: member.procID, end: WallTime.now.seconds)
      do { try folder.announce(line) } catch {
        // The watch has seen the end of the last task itself, and has removed the folder just now.
        if !folder.folder.isInPlace { return }
        throw Problem("\(folder.folder.path): \(error)")
      }
      if let recovery = try wakeOrFinish(folder) {
        // slurmstepd kills it, too.
        waitForEnd(of: recovery)
        return
      }
      let tasks = folder.tasks
      let isLast = tasks.count == member.taskCount ?? tasks.count && tasks.allSatisfy { $0.endTime != nil }
      if isLast { waitForEnd(of: folder) }
    } catch {
      tell(
        "duct-task-epilog: \(error): the end of task \(member.procID) of \(member.step) is not recorded")
    }
  }

  /// Starts `recover` for what the watches of the job have left on this node. Slurm does not wait for it, and does not end
  /// it with the epilog, because it has a session of its own.
  public static func jobEpilog() {
    do throws(Problem) { try spawn(["recover", "--timeout", "\(recoveryLimit)"]) } catch {
      tell(
        "duct-job-epilog: \(error): what the steps of the job have left on this node waits for con-duct recover"
      )
    }
  }

  /// Makes the watching process look for what was announced. It does so on its own when it starts.
  @discardableResult
  static func wake(_ folder: StepFolder) -> StepFolder.Watch? {
    let watch = folder.watch
    if let pid = watch?.pid.flatMap({ pid_t(exactly: $0) }), pid > 1 { kill(pid, SIGUSR1) }
    return watch
  }

  /// Makes the watching process look for what an epilog has announced. If it has left its record, starts `recover`, which
  /// finishes it.
  ///
  /// - Returns: the process of `recover`. Nil if there is none.
  static func wakeOrFinish(_ folder: StepFolder) throws(Problem) -> pid_t? {
    guard let lock = folder.takeLock() else {
      wake(folder)
      return nil
    }
    // A watching process that was killed, or that had no time, has left the folder.
    let left = folder.watch
    folder.remove()
    lock.closeQuietly()
    return try left.map { left throws(Problem) in try spawn(["recover", left.runID]) }
  }

  /// With proctrack/cgroup, slurmstepd kills the watching process as soon as the last epilog has ended. So that one lets
  /// it finish the record, for a short time.
  private static func waitForEnd(of folder: StepFolder) {
    let deadline = MonotonicInstant.now + longestWait
    while folder.folder.isInPlace, .now < deadline { usleep(2000) }
  }

  /// The same for the process that finishes the record in its place. Before Linux 5.3, nobody waits for it, and the next
  /// one goes on where it was killed.
  private static func waitForEnd(of recovery: pid_t) {
    guard let process = try? openProcess(recovery) else { return }
    _ = try? poll(reading: [process], until: .now + longestWait)
    process.closeQuietly()
  }

  static func spool(_ surroundings: Surroundings) -> FilePath? {
    surroundings["DUCT_SPOOL_DIR"].flatMap {
      $0.isEmpty ? nil : FilePath(escaped: surroundings.expandHome($0))
    }
  }

  /// The process of the task and its slurmstepd. The task is slurmstepd's child, and the prolog descends from it.
  private static func task(of member: StepMember) -> (pid: Int32, daemon: Int32)? {
    let files = ProcFiles()
    if let pid = member.pid, let daemon = files.stat(own: pid)?.parent, daemon > 1 { return (pid, daemon) }
    var pid = getpid()
    while pid > 1, let parent = files.stat(own: pid)?.parent, parent > 1 {
      if member.step.isDaemon(parent, files) { return (pid, parent) }
      pid = parent
    }
    return nil
  }

  /// Starts the process that watches the step. It gets the lock, and outlives this process.
  ///
  /// - Parameter other: the run if that of the folder had a watching process already, which was killed.
  /// - Returns: the id of its run.
  private static func start(
    _ folder: StepFolder, else other: StepFolder.Watch, _ lock: FileDescriptor
  ) throws(Problem) -> String {
    defer { lock.closeQuietly() }
    var watch = folder.watch ?? other
    if watch.pid != nil {
      watch = other
      do { try folder.write(watch) } catch { throw Problem("\(folder.folder.path): \(error)") }
    }
    try spawn(["watch-step", String(escaping: folder.folder.path.bytes)], holding: lock)
    return watch.runID
  }

  /// Starts con-duct so that it outlives this process.
  ///
  /// - Parameter lock: becomes its descriptor 3.
  @discardableResult
  static func spawn(_ words: [String], holding lock: FileDescriptor? = nil) throws(Problem) -> pid_t {
    do throws(Errno) {
      let null = try FileDescriptor.opening("/dev/null", .readWrite)
      defer { null.closeQuietly() }
      var program = Program(
        path: HelperPrograms(environment: [:]).duct.bytes,
        arguments: (["con-duct"] + words).map(\.originalBytes))
      program.descriptors = [.duplicate(of: null), .duplicate(of: null), .duplicate(of: null)]
      if let lock { program.descriptors.append(.duplicate(of: lock)) }
      // slurmstepd waits until nobody has the script's output open.
      program.closesOthers = true
      program.startsSession = true
      return try program.start()
    } catch {
      throw Problem("cannot start con-duct \(words[0]): \(error.description) (\(error.name))")
    }
  }

  /// A duct in the task is a run below that of the step.
  private static func exports(_ runID: String?) -> String {
    runID.map { "export \(CommandEnvironment.parentRun)=\($0)\n" } ?? ""
  }
}
