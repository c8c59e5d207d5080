import Glibc
internal import RecordText
internal import SlurmJobs

/// Questions to slurmdbd, by `sacct`.
enum AccountingCommand {
  /// sacct's names of the fields. The last one holds no newline.
  private enum Field: String, CaseIterable {
    case rawID = "JobIDRaw"
    case shownID = "JobID"
    case name = "JobName"
    case userName = "User"
    case userID = "UID"
    case account = "Account"
    case partition = "Partition"
    case qos = "QOS"
    case state = "State"
    case exitCode = "ExitCode"
    case derivedExitCode = "DerivedExitCode"
    case submitTime = "Submit"
    case eligibleTime = "Eligible"
    case startTime = "Start"
    case endTime = "End"
    case elapsed = "ElapsedRaw"
    case timeLimit = "TimelimitRaw"
    case nodeCount = "AllocNodes"
    case cpuCount = "ReqCPUS"
    case nodes = "NodeList"
    case tresRequested = "ReqTRES"
    case tresAllocated = "AllocTRES"
    case workingDir = "WorkDir"
    case submitLine = "SubmitLine"
    case wckey = "WCKey"
    case cpuTime = "TotalCPU"
    case usage = "TRESUsageInMax"
    case totalUsage = "TRESUsageInTot"
    case cluster = "Cluster"
  }

  private typealias Values = [Field: String]

  /// Jobs by id, whole arrays and heterogeneous jobs by the id of their first; all or those of a user.
  static func jobs(
    _ ids: [UInt32], cluster: String?, uid: UInt32?, _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [SubmittedJob] {
    // Without an id, slurmdbd would tell of all jobs.
    if ids.isEmpty { return [] }
    let records = SeparatedRecords()
    let arguments = [
      // Earlier runs of requeued jobs too: their number is the number of restarts.
      "--duplicates", "--noconvert", "--format=" + Field.allCases.map(\.rawValue).joined(separator: ","),
      "--jobs=" + ids.map(String.init).joined(separator: ","), uid.map { "--uid=\($0)" } ?? "--allusers",
    ]
    let output = try asking.output(of: "sacct", common(records, cluster: cluster) + arguments)
    let rows = try records.parse(output, fieldCount: Field.allCases.count, isTerminated: false, of: "sacct")
    var jobs: [AccountedJob] = []
    for row in rows {
      let values = Dictionary(uniqueKeysWithValues: zip(Field.allCases, row))
      if values[.rawID]?.contains(".") == true {
        // Steps follow their job.
        if let last = jobs.indices.last { jobs[last].steps.append(step(values)) }
      } else if let job = fields(values) {
        jobs.append(AccountedJob(job, steps: []))
      } else {
        throw SlurmFailure(.rubbish, "sacct printed a job without an id: \(row.prefix(3))")
      }
    }
    return JobConversion(cluster: cluster, now: time(nil)).submittedJobs(jobs)
  }

  /// Ids of jobs of a user that had not ended at `since`; all or those with a tag. Jobs that never became eligible
  /// are not among them: sacct asks for a time that has an end.
  static func ids(
    ofUser uid: UInt32, since: Int, tag: String?, _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [UInt32] {
    let records = SeparatedRecords()
    var arguments = [
      "--allocations", "--format=\(Field.rawID.rawValue),\(Field.cluster.rawValue)", "--uid=\(uid)",
      "--starttime=uts\(since)",
    ]
    if let tag { arguments.append("--wckeys=\(tag)") }
    let output = try asking.output(of: "sacct", common(records, cluster: nil) + arguments)
    let rows = try records.parse(output, fieldCount: 2, isTerminated: false, of: "sacct")
    return Set(rows.compactMap { CommandText.number($0[0]) }).sorted()
  }

  private static func common(_ records: SeparatedRecords, cluster: String?) -> [String] {
    [
      "--noheader", "--parsable2", "--delimiter=\(records.mark)",
      cluster.map { "--clusters=\($0)" } ?? "--local",
    ]
  }

  private static func fields(_ values: Values) -> SlurmJobFields? {
    func text(_ field: Field) -> String? { values[field].flatMap(CommandText.value) }
    func number(_ field: Field) -> UInt32? { values[field].flatMap(CommandText.number) }
    func time(_ field: Field) -> Int? { values[field].flatMap(CommandText.time) }
    guard let id = number(.rawID), let state = values[.state] else { return nil }
    let (base, flags) = CommandText.state(state)
    var job = SlurmJobFields(jobID: id, state: base)
    job.stateFlags = flags
    identify(&job, values[.shownID] ?? "")
    job.userID = number(.userID)
    job.cancelledBy = CommandText.canceller(state)
    job.exitStatus = values[.exitCode].flatMap(CommandText.exitStatus)
    job.derivedExitStatus = values[.derivedExitCode].flatMap(CommandText.exitStatus)
    job.submitTime = time(.submitTime)
    job.eligibleTime = time(.eligibleTime)
    job.startTime = time(.startTime)
    job.endTime = time(.endTime)
    job.elapsed = number(.elapsed).map { Int($0) }
    job.timeLimitMinutes = number(.timeLimit)
    job.nodeCount = number(.nodeCount)
    job.cpuCount = number(.cpuCount)
    job.nodes = text(.nodes)
    job.tresRequested = text(.tresRequested).map(CommandText.inOrder)
    job.tresAllocated = text(.tresAllocated).map(CommandText.inOrder)
    job.cluster = text(.cluster)
    job.name = values[.name].flatMap { $0.isEmpty ? nil : $0 }
    job.userName = text(.userName)
    job.account = text(.account)
    job.partition = text(.partition)
    job.qos = text(.qos)
    job.wckey = text(.wckey)
    job.workingDir = text(.workingDir)
    job.submitLine = text(.submitLine)
    return job
  }

  /// Arrays and heterogeneous jobs: `3_[1-5%2]`, `3_1`, `4+1`.
  private static func identify(_ job: inout SlurmJobFields, _ shown: String) {
    let id = shown.prefix { $0.isASCII && $0.isNumber }
    let rest = shown[id.endIndex...]
    if rest.hasPrefix("_") {
      job.arrayJobID = UInt32(id)
      // Waiting tasks stay one record, as by libslurm: slurmdbd hears late of those that start.
      job.arrayTaskID = UInt32(rest.dropFirst())
    } else if rest.hasPrefix("+") {
      job.hetJobID = UInt32(id)
      job.hetJobOffset = UInt32(rest.dropFirst())
    }
  }

  private static func step(_ values: Values) -> SlurmStepFields {
    var step = SlurmStepFields(
      isBatch: values[.rawID]?.hasSuffix(".batch") == true,
      cpuSeconds: values[.cpuTime].flatMap(CommandText.duration) ?? 0)
    step.exitStatus = values[.exitCode].flatMap(CommandText.exitStatus)
    step.startTime = values[.startTime].flatMap(CommandText.time)
    step.endTime = values[.endTime].flatMap(CommandText.time)
    step.maxRSSBytes = values[.usage].flatMap(CommandText.memory)
    step.totalRSSBytes = values[.totalUsage].flatMap(CommandText.memory)
    return step
  }
}
