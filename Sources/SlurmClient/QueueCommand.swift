import Glibc
internal import RecordText
internal import SlurmJobs

/// Asks slurmctld through `squeue`.
enum QueueCommand {
  /// squeue's names of the fields. Every release from 22.05 to 26.05 knows them.
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
    case batchHost = "BatchHost"
    case cluster = "Cluster"
  }

  private typealias Values = CommandRow<Field>

  /// - Parameter scope: drops jobs that are not in it; nil: returns all.
  static func jobs(
    ofUser uid: UInt32, _ scope: JobScope?, _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [SubmittedJob] {
    try jobs(["--user=\(uid)"], scope, asking)
  }

  static func jobs(_ ids: [UInt32], _ asking: SlurmCommands.Asking) throws(SlurmFailure) -> [SubmittedJob] {
    do throws(SlurmFailure) {
      return try jobs(["--jobs=" + ids.map(String.init).joined(separator: ",")], nil, asking)
    } catch  where error.message.contains("Invalid job id specified") {
      // slurmctld has dropped the job, or it never existed: that is a valid answer.
      return []
    }
  }

  private static func jobs(
    _ selection: [String], _ scope: JobScope?, _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [SubmittedJob] {
    let records = SeparatedRecords()
    // Without a width, squeue truncates no value.
    let format = Field.allCases.map { "\($0.rawValue):\(records.mark)" }.joined(separator: ",")
    let arguments = ["--noheader", "--all", "--local", "--states=all", "--noconvert", "--Format=\(format)"]
    let output = try asking.output(of: "squeue", arguments + selection)
    let rows = try records.parse(output, fieldCount: Field.allCases.count, isTerminated: true, of: "squeue")
    let conversion = JobConversion(cluster: nil, now: time(nil))
    var jobs: [SlurmJobFields] = []
    var batchHosts: [UInt32: String] = [:]
    for row in rows {
      let values = Values(row)
      guard var job = fields(values) else {
        throw SlurmFailure(.rubbish, "squeue printed a job without an id: \(row.prefix(3))")
      }
      if let scope, !scope.contains(job) { continue }
      job.outputPaths = outputPaths(job, values)
      batchHosts[job.jobID] = values.text(.batchHost)
      jobs.append(job)
    }
    setNames(of: &jobs, batchHosts, asking)
    return jobs.map(conversion.submittedJob)
  }

  /// Adds data that file names need and squeue does not print: the release, and the hosts of nodes, with one
  /// command for each. If a command fails, the paths stay unknown until the next request.
  private static func setNames(
    of jobs: inout [SlurmJobFields], _ batchHosts: [UInt32: String], _ asking: SlurmCommands.Asking
  ) {
    let indices = jobs.indices.filter { jobs[$0].outputPaths?.dependsOnRules == true }
    guard !indices.isEmpty else { return }
    guard let release = try? asking.release() else {
      for index in indices { jobs[index].outputPaths = nil }
      return
    }
    let rules = OutputPaths.Rules(release)
    var nodes: [Int: String] = [:]
    for index in indices where jobs[index].outputPaths?.needsNodeName == true {
      nodes[index] = batchHosts[jobs[index].jobID]
    }
    if rules < .since2511 {
      let hosts = ControlCommand.hostNames(ofNodes: Set(nodes.values).sorted(), asking)
      nodes = nodes.compactMapValues { hosts[$0] }
    }
    for index in indices {
      jobs[index].outputPaths?.rules = rules
      jobs[index].outputPaths?.nodeName = nodes[index]
    }
  }

  /// Nil for jobs of srun and salloc, which have no files, and for later components, which write to the file of the
  /// first.
  private static func outputPaths(_ job: SlurmJobFields, _ values: Values) -> OutputPaths? {
    guard values[.isBatch] == "1", (job.hetJobOffset ?? 0) == 0 else { return nil }
    // For a job without a pattern, squeue (up to 23.11 at least) prints this name, which is wrong for array tasks.
    let guess = "\(job.workingDir ?? "")/slurm-\(job.jobID).out"
    func pattern(_ field: Field) -> String? {
      values.text(field).flatMap { $0 == guess ? nil : $0 }
    }
    var paths = OutputPaths(stdout: pattern(.stdout), stderr: pattern(.stderr))
    // The release is not known here.
    paths.mayBeFilledIn = true
    return paths
  }

  private static func fields(_ values: Values) -> SlurmJobFields? {
    guard let id = values.number(.jobID), let state = values[.state] else { return nil }
    let (base, flags) = CommandText.state(state)
    var job = SlurmJobFields(jobID: id, state: base)
    job.stateFlags = flags
    identify(&job, values)
    job.userID = values.number(.userID)
    // If the user has no name on this host, squeue prints the uid.
    job.userName = values.text(.userName).flatMap { $0 == values[.userID] ? nil : $0 }
    // Newer releases (seen with 24.11) add the signal, as in `RaisedSignal:9(Killed)`.
    job.reason = values.text(.reason).map { $0.hasPrefix("RaisedSignal:") ? "RaisedSignal" : $0 }
    job.exitStatus = values.exitStatus(.exitCode)
    job.derivedExitStatus = values.exitStatus(.derivedExitCode)
    job.restarts = values.number(.restarts).map { Int($0) }
    job.submitTime = values.time(.submitTime)
    job.eligibleTime = values.time(.eligibleTime)
    job.startTime = values.time(.startTime)
    job.endTime = values.time(.endTime)
    job.elapsed = values.duration(.timeUsed).flatMap { Int(exactly: $0) }
    job.timeLimitMinutes = values.duration(.timeLimit).flatMap {
      UInt32(exactly: ($0 / 60).rounded(.down))
    }
    job.nodeCount = values.number(.nodeCount)
    job.cpuCount = values.number(.cpuCount)
    job.nodes = values.text(.nodes)
    // squeue prints the allocated resources, or the requested ones if none are allocated.
    if base == .pending || job.nodes == nil {
      job.tresRequested = values.text(.tres)
    } else {
      job.tresAllocated = values.text(.tres)
    }
    job.allocSID = values.number(.allocSID)
    job.allocNode = values.text(.allocNode)
    job.cluster = values.text(.cluster)
    job.name = values.name(.name)
    job.account = values.text(.account)
    job.partition = values.text(.partition)
    job.qos = values.text(.qos)
    job.wckey = values.text(.wckey)
    job.workingDir = values.text(.workingDir)
    job.dependency = values.text(.dependency)
    return job
  }

  /// Sets the ids of arrays and heterogeneous jobs. squeue shows `3_[1-5%2]` for waiting tasks, `3_1` for a task
  /// with its own id.
  private static func identify(_ job: inout SlurmJobFields, _ values: Values) {
    job.hetJobID = values.number(.hetJobID)
    job.hetJobOffset = values.number(.hetJobOffset)
    guard let tasks = values.text(.arrayTaskID) else { return }
    job.arrayJobID = values.number(.arrayJobID)
    if values[.shownID]?.contains("[") == true || UInt32(tasks) == nil {
      job.arrayTasks = tasks
    } else {
      job.arrayTaskID = UInt32(tasks)
    }
  }
}
