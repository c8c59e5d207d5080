internal import DuctRecords
public import DuctSettings
import Glibc
internal import ProcessSampling
internal import SystemCalls

/// The work of `duct-srun-prolog` and `duct-srun-epilog`, which srun runs once a step, on its own host.
///
/// Nothing here may fail or delay a step: the record is written by a process that srun does not wait for. A problem is one
/// line on standard error, which the user sees, and in the log of the system. The exit code is always 0.
public enum SrunScript {
  /// Notes the step before its tasks start: starts the process that keeps its record until srun ends.
  ///
  /// - Parameter command: what the tasks execute.
  public static func prolog(_ surroundings: Surroundings, command: [String]) {
    let environment = surroundings.environment
    guard TaskScript.isWanted(environment), let step = SrunStep(environment) else { return }
    do throws(Problem) {
      let own = step.own(surroundings)
      do { _ = try RunForecast(StepWatch.settings(own), own) } catch { throw Problem("\(error)") }
      guard let srun = srun() else { throw Problem("/proc does not show the srun that runs this") }
      let folder = try StepFolder(step.folderName, environment, spool: TaskScript.spool(surroundings))
      guard let lock = folder.takeLock() else { throw Problem("another process notes it already") }
      defer { lock.closeQuietly() }
      let watch = StepFolder.Watch(
        runID: RunID.make(.now), job: Int(step.job), step: step.step, daemon: srun, pid: nil)
      // What a killed watch has left is of an earlier srun.
      do { try folder.write(watch) } catch { throw Problem("\(folder.folder.path): \(error)") }
      let path = String(escaping: folder.folder.path.bytes)
      try TaskScript.spawn(["watch-srun", path] + command, holding: lock)
    } catch {
      TaskScript.tell("duct-srun-prolog: \(error): step \(step.job).\(step.step) is not noted")
    }
  }

  /// Tells the process that keeps the record of the step that all tasks have ended.
  public static func epilog(_ surroundings: Surroundings) {
    let environment = surroundings.environment
    guard TaskScript.isWanted(environment), let step = SrunStep(environment) else { return }
    do throws(Problem) {
      let folder = try StepFolder(step.folderName, environment, spool: TaskScript.spool(surroundings))
      _ = try TaskScript.wakeOrFinish(folder)
    } catch {
      TaskScript.tell("duct-srun-epilog: \(error): the end of step \(step.job).\(step.step) is not noted")
    }
  }

  /// The srun whose script started this process.
  private static func srun() -> Int32? {
    let files = ProcFiles()
    var pid = getpid()
    while pid > 1, let parent = files.stat(own: pid)?.parent, parent > 1 {
      if files.stat(own: parent)?.name == ProcessName(Array("srun".utf8)) { return parent }
      pid = parent
    }
    return nil
  }
}
