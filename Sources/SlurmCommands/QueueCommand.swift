import Glibc
internal import RecordText
internal import SlurmJobs

/// Questions to slurmctld, by `squeue`.
enum QueueCommand {
  /// squeue's names of the fields, which every release from 22.05 to 26.05 knows.
  private enum Field: String, CaseIterable {
    case jobID = "JobID"
    case shownID = "JobArrayID"
    case arrayJobID = "ArrayJobID"
    case arrayTaskID = "ArrayTaskID"
    case hetJobID = "HetJobID"
    case hetJobOffset = "HetJobOffset"
    case name = "Name"
    case userName = "UserName"
    case userID = "UserID"
    case account = "Account"
    case partition = "Partition"
    case qos = "QOS"
    case state = "State"
    case reason = "Reason"
    case exitCode = "exit_code"
    case derivedExitCode = "DerivedEC"
    case restarts = "RestartCnt"
    case submitTime = "SubmitTime"
    case eligibleTime = "EligibleTime"
    case startTime = "StartTime"
    case endTime = "EndTime"
    case timeUsed = "TimeUsed"
    case timeLimit = "TimeLimit"
    case nodeCount = "NumNodes"
    case cpuCount = "NumCPUs"
    case nodes = "NodeList"
    case tres = "tres-alloc"
    case workingDir = "WorkDir"
    case stdout = "STDOUT"
    case stderr = "STDERR"
    case dependency = "Dependency"
    case wckey = "WCKey"
    case allocNode = "AllocNodes"
    case allocSID = "AllocSID"
    case isBatch = "BatchFlag"
    case cluster = "Cluster"
  }

  private typealias Values = [Field: String]

  static func jobs(ofUser uid: UInt32, _ asking: SlurmCommands.Asking) throws(SlurmFailure) -> [SubmittedJob]
  {
    try jobs(["--user=\(uid)"], asking)
  }

  static func jobs(_ ids: [UInt32], _ asking: SlurmCommands.Asking) throws(SlurmFailure) -> [SubmittedJob] {
    do throws(SlurmFailure) {
      return try jobs(["--jobs=" + ids.map(String.init).joined(separator: ",")], asking)
    } catch  where error.message.contains("Invalid job id specified") {
      // It has left the controller, or never was: that is an answer.
      return []
    }
  }

  private static func jobs(
    _ selection: [String], _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [SubmittedJob] {
    let records = SeparatedRecords()
    // Without a width no value is cut.
    let format = Field.allCases.map { "\($0.rawValue):\(records.mark)" }.joined(separator: ",")
    let arguments = ["--noheader", "--all", "--local", "--states=all", "--noconvert", "--Format=\(format)"]
    let output = try asking.output(of: "squeue", arguments + selection)
    let rows = try records.parse(output, fieldCount: Field.allCases.count, isTerminated: true, of: "squeue")
    let conversion = JobConversion(cluster: nil, now: time(nil))
    var jobs: [SubmittedJob] = []
    for row in rows {
      let values = Dictionary(uniqueKeysWithValues: zip(Field.allCases, row))
      guard let job = fields(values) else {
        throw SlurmFailure(.rubbish, "squeue printed a job without an id: \(row.prefix(3))")
      }
      jobs += submittedJobs(job, values, conversion)
    }
    return jobs
  }

  private static func submittedJobs(
    _ job: SlurmJobFields, _ values: Values, _ conversion: JobConversion
  ) -> [SubmittedJob] {
    var submitted = conversion.submittedJob(job)
    // srun and salloc have none; a later component writes into the file of the first one.
    let hasPaths = values[.isBatch] == "1" && (job.hetJobOffset ?? 0) == 0
    guard hasPaths else { return conversion.submittedJobs(submitted, of: job) }
    let paths = OutputPaths(job, stdout: values[.stdout] ?? "", stderr: values[.stderr] ?? "")
    paths.set(&submitted.record)
    return conversion.submittedJobs(submitted, of: job) { paths.set(&$0, task: $1) }
  }

  private static func fields(_ values: Values) -> SlurmJobFields? {
    func text(_ field: Field) -> String? { values[field].flatMap(CommandText.value) }
    func number(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.number) }
    func time(_ field: Field) -> Int? { values[field].flatMap(CommandText.time) }
    guard let id = number(.jobID), let state = values[.state] else { return nil }
    let (base, flags) = CommandText.state(state)
    var job = SlurmJobFields(jobID: id, state: base)
    job.stateFlags = flags
    identify(&job, values)
    job.userID = number(.userID)
    // A user without a name on this host is printed as the number.
    job.userName = text(.userName).flatMap { $0 == values[.userID] ? nil : $0 }
    job.reason = text(.reason)
    job.exitStatus = values[.exitCode].flatMap(CommandText.exitStatus)
    job.derivedExitStatus = values[.derivedExitCode].flatMap(CommandText.exitStatus)
    job.restarts = number(.restarts).map { Int($0) }
    job.submitTime = time(.submitTime)
    job.eligibleTime = time(.eligibleTime)
    job.startTime = time(.startTime)
    job.endTime = time(.endTime)
    job.elapsed = values[.timeUsed].flatMap(CommandText.duration).flatMap { Int(exactly: $0) }
    job.timeLimitMinutes = values[.timeLimit].flatMap(CommandText.duration).flatMap {
      UInt32(exactly: ($0 / 60).rounded(.down))
    }
    job.nodeCount = number(.nodeCount)
    job.cpuCount = number(.cpuCount)
    job.nodes = text(.nodes)
    // squeue prints what is allocated, and in its absence what was asked for.
    if base == .pending || job.nodes == nil {
      job.tresRequested = text(.tres)
    } else {
      job.tresAllocated = text(.tres)
    }
    job.allocSID = number(.allocSID)
    job.allocNode = text(.allocNode)
    job.cluster = text(.cluster)
    job.name = values[.name].flatMap { $0.isEmpty ? nil : $0 }
    job.account = text(.account)
    job.partition = text(.partition)
    job.qos = text(.qos)
    job.wckey = text(.wckey)
    job.workingDir = text(.workingDir)
    job.dependency = text(.dependency)
    return job
  }

  /// Arrays and heterogeneous jobs. squeue shows `3_[1-5%2]` for waiting tasks, `3_1` for one that has an id.
  private static func identify(_ job: inout SlurmJobFields, _ values: Values) {
    job.hetJobID = values[.hetJobID].flatMap(CommandText.number)
    job.hetJobOffset = values[.hetJobOffset].flatMap(CommandText.number)
    guard let tasks = values[.arrayTaskID].flatMap(CommandText.value) else { return }
    job.arrayJobID = values[.arrayJobID].flatMap(CommandText.number)
    if values[.shownID]?.contains("[") == true || UInt32(tasks) == nil {
      job.arrayTasks = tasks
    } else {
      job.arrayTaskID = UInt32(tasks)
    }
  }
}
