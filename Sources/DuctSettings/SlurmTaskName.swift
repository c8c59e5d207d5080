internal import SlurmJobs

/// Names the place in Slurm in which duct runs, for the names of its records: `118` in the script of a job, `200_3.0.15`
/// in task 15 of step 0 of an array task. After a requeue: `118-restart1`.
struct SlurmTaskName {
  let text: String

  /// - Parameter environment: duct's. Slurm sets these variables in jobs, and they are numbers.
  /// - Returns: nil outside of a job.
  init?(_ environment: [String: String]) {
    func number(_ name: String) -> UInt32? { environment[name].flatMap { UInt32($0) } }
    guard let job = number("SLURM_JOB_ID") else { return nil }
    var text = "\(job)"
    if let array = number("SLURM_ARRAY_JOB_ID"), let task = number("SLURM_ARRAY_TASK_ID") {
      text = "\(array)_\(task)"
    }
    if let step = environment["SLURM_STEP_ID"].flatMap(StepNumber.name) {
      text += ".\(step)"
      if let task = number("SLURM_PROCID") { text += ".\(task)" }
    }
    if let restarts = number("SLURM_RESTART_COUNT"), restarts > 0 { text += "-restart\(restarts)" }
    self.text = text
  }
}
