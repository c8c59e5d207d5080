internal import DuctRecords
public import DuctSettings
import Glibc
internal import ProcessSampling
internal import SystemCalls
public import SystemPackage

/// The process that watches a step on one node, for all of its tasks there. A task prolog starts it.
public enum StepWatch {
  /// Watches the step until its last task has ended.
  ///
  /// - Parameter path: the folder of the step in the spool.
  /// - Returns: an exit code. Nobody reads it.
  public static func execute(_ path: FilePath, _ surroundings: Surroundings) -> CInt {
    // Whoever reads its pid sends it SIGUSR1.
    _ = SignalSet([SIGUSR1]).block()
    do {
      let folder = try StepFolder(path)
      defer { folder.remove() }
      guard var watch = folder.watch, let job = UInt32(exactly: watch.job) else {
        throw Problem("\(path) does not say which step it is of")
      }
      watch.pid = Int(getpid())
      try folder.write(watch)
      let member = StepMember(surroundings.environment)
      // The record is of all tasks on this node.
      let own = surroundings.without(["SLURM_PROCID", "SLURM_LOCALID", "SLURM_TASK_PID"])
      let settings = try Self.settings(own)
      let target = try AttachTarget(.daemon(watch.daemon, job: job, step: watch.step))
      let node = surroundings.environment["SLURMD_NODENAME"] ?? hostName()
      return try Attachment.execute(
        settings, target, own,
        step: Attachment.Step(
          folder: folder, runID: watch.runID, node: node, taskCount: member?.taskCount))
    } catch {
      // Without a record of the step, its tasks still run.
      warnInSystemLog("a step is not watched: \(error)")
      return 1
    }
  }

  /// Watches the srun of a step until its epilog, or until srun has ended.
  ///
  /// - Parameters:
  ///   - path: the folder in the spool by which srun's prolog and epilog find this process.
  ///   - command: what the tasks of the step execute.
  /// - Returns: an exit code. Nobody reads it.
  public static func executeSrun(_ path: FilePath, command: [String], _ surroundings: Surroundings) -> CInt {
    // The epilog sends it SIGUSR1.
    _ = SignalSet([SIGUSR1]).block()
    do {
      let folder = try StepFolder(path)
      defer { folder.remove() }
      guard var watch = folder.watch, let srun = SrunStep(surroundings.environment) else {
        throw Problem("\(path) does not say which step it is of")
      }
      watch.pid = Int(getpid())
      try folder.write(watch)
      let own = srun.own(surroundings)
      let settings = try Self.settings(own)
      let words = settings.redaction.applied(to: command)
      let target = try AttachTarget(.launcher(watch.daemon, command: words))
      return try Attachment.execute(
        settings, target, own,
        step: Attachment.Step(
          folder: folder, runID: watch.runID, node: "srun", description: srun.description))
    } catch {
      // Without a record of the step, its tasks still run.
      warnInSystemLog("a step is not noted: \(error)")
      return 1
    }
  }

  /// - Throws: a line about a variable that makes no sense.
  static func settings(_ surroundings: Surroundings) throws -> RunSettings {
    var options = RunOptions()
    options.command = [Array("step".utf8)]
    var settings = try RunSettings(options, surroundings)
    settings.watchOnly()
    return settings
  }
}
