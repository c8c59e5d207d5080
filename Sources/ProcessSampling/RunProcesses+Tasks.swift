internal import SystemCalls

/// The tasks of a step, and the end of processes that duct is attached to.
extension RunProcesses {
  var hasTasks: Bool { step != nil || daemon != nil }

  /// Adds the memory of this sample to the peaks of the tasks.
  mutating func noteMemoryOfTasks(pageSize: UInt64) {
    if !hasTasks { return }
    var sums: [Int32: UInt64] = [:]
    for place in all.indices where !all[place].isGone && !all[place].stat.isZombie {
      if let task = all[place].task { sums[task, default: 0] &+= all[place].stat.residentPages &* pageSize }
    }
    for (task, bytes) in sums { tasks[task, default: TaskUse()].peakResident.raise(to: bytes) }
  }

  /// Whether the slurmstepd of the step has started the process.
  func isTask(_ stat: ProcessStat) -> Bool {
    if let daemon { return stat.parent == daemon }
    guard let step, let parent = files.stat(stat.parent) else { return false }
    return step.isDaemon(parent, files)
  }

  /// All processes have ended. Their parents, which are not duct, may not have waited for them yet. A step has ended with
  /// its slurmstepd, which still runs the epilogs of its tasks.
  var haveEnded: Bool {
    all.allSatisfy { $0.isGone || $0.stat.isZombie } && daemon.flatMap { files.stat($0) } == nil
  }
}

extension UInt64 {
  fileprivate mutating func raise(to other: UInt64) { self = Swift.max(self, other) }
}
