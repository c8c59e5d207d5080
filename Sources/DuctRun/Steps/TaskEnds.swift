internal import DuctRecords
internal import ProcessSampling
internal import SystemCalls
internal import SystemPackage

/// Learns of the end of each task of a step on this node at once, by its pidfd, and not at the next sample.
///
/// With proctrack/cgroup, slurmstepd kills what is left of a step milliseconds after the last task.
final class TaskEnds: Sendable {
  private let folder: StepFolder
  /// The slurmstepd of the step: the parent of each task.
  private let daemon: Int32
  /// How many tasks the step has on this node. Nil if Slurm does not tell.
  private let expected: Int?
  /// Seconds after which the thread first releases the pages of the program. It waits twice as long each time.
  private static let firstRelease = 0.05
  private static let longestRelease = 10.0
  /// Nil if slurmstepd waits until the record is finished.
  private let leave: (@Sendable () -> Void)?
  private let wake: FileDescriptor
  /// When the tasks ended, in seconds since 1970, by their pids.
  private let ends = Monitor([Int32: Double]())

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - leave: for a step with one task here: called at once when it has ended, in place of `done`. It ends the process.
  ///   - done: called once, when the last task has ended.
  init(
    _ folder: StepFolder, daemon: Int32, expected: Int?, leave: (@Sendable () -> Void)?,
    done: @escaping @Sendable () -> Void
  ) throws(Errno) {
    self.folder = folder
    self.daemon = daemon
    self.expected = expected
    self.leave = leave
    wake = try FileDescriptor.event()
    _ = try OwnThread("duct tasks") { [self] in
      do throws(Errno) {
        try run()
        done()
      } catch {
        // The end of slurmstepd ends the watch.
        warnInSystemLog("the ends of tasks are not seen: poll: \(error.description)")
      }
    }
  }

  /// Makes the thread look for what prologs and epilogs have announced.
  func check() { wake.signalEvent() }

  /// The tasks that were announced, with what they have used, and the ends that are known.
  func tasks(with counters: RunCounters?) -> [StepTask] {
    let ends = ends.withLock { $0 }
    return folder.tasks.map { task in
      var task = task
      task.endTime = ends[task.pid] ?? task.endTime
      if let use = counters?.tasks[task.pid] {
        task.peakRSS = Int(clamping: use.peakResident)
        task.cpuSeconds = Double(use.processorTime) / 1e9
      }
      return task
    }
  }

  /// Returns when the last task has ended.
  private func run() throws(Errno) {
    var running: [(pid: Int32, file: FileDescriptor)] = []
    var seen: Set<Int32> = []
    var announced = folder.tasks
    // Everything else needs descriptors, too.
    let most = openFileLimit / 2
    var pause = Self.firstRelease
    var release = MonotonicInstant.now + pause
    while true {
      for task in announced where task.endTime == nil && running.count < most {
        guard seen.insert(task.pid).inserted, let file = open(task.pid) else { continue }
        running.append((task.pid, file))
      }
      if haveAllEnded(announced) { return }
      let ready = try poll(reading: [wake] + running.map(\.file), until: release)
      // Each other call may need a page that was released, which takes as long as slurmstepd lets this process live.
      if let leave, ready.dropFirst().contains(where: \.isReadable) { leave() }
      if release <= .now {
        // Most of the program is needed at the start and at each record only. Its memory counts to the step, and with
        // less of it, the kernel ends this process sooner.
        releaseProgramPages()
        pause = min(2 * pause, Self.longestRelease)
        release = .now + pause
      }
      for (task, result) in zip(running, ready.dropFirst()) where result.isReadable {
        task.file.closeQuietly()
        noteEnd(of: task.pid)
      }
      running = zip(running, ready.dropFirst()).filter { !$1.isReadable }.map(\.0)
      if ready[0].isReadable {
        wake.clearEvent()
        announced = folder.tasks
      }
    }
  }

  /// Without their number, only the epilogs tell that there are no more tasks.
  private func haveAllEnded(_ announced: [StepTask]) -> Bool {
    let ends = ends.withLock { $0 }
    return announced.count >= expected ?? 1
      && announced.allSatisfy { $0.endTime != nil || ends[$0.pid] != nil }
  }

  /// A pidfd of the task. Nil if the task has ended already, and where there is none (before Linux 5.3, or no descriptor
  /// is left): then the end of slurmstepd ends the watch.
  private func open(_ pid: Int32) -> FileDescriptor? {
    do throws(Errno) {
      let file = try openProcess(pid)
      // If the task had ended before, another process can have its pid.
      if ProcFiles().stat(own: pid)?.parent == daemon { return file }
      file.closeQuietly()
    } catch {
      if error != .noSuchProcess { return nil }
    }
    noteEnd(of: pid)
    return nil
  }

  private func noteEnd(of pid: Int32) {
    // Without their number, a step that has just begun would seem to have ended.
    if expected != nil { ends.update { $0[pid] = WallTime.now.seconds } }
  }
}
