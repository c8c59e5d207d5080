import Glibc
internal import RecordText
internal import SlurmJobs

/// Asks slurmdbd through `sacct`.
enum AccountingCommand {
  /// sacct's names of the fields. The last field must not contain newlines.
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
    case outputUsage = "TRESUsageOutTot"
    case stdout = "StdOut"
    case stderr = "StdErr"
    case cluster = "Cluster"

    /// The fields that a release knows. If the release is not known, those that every release knows.
    static func known(to release: SlurmRelease?) -> [Self] {
      if let release, release >= SlurmRelease(24, 5) { return allCases }
      return allCases.filter { $0 != .stdout && $0 != .stderr }
    }
  }

  private typealias Values = CommandRow<Field>

  /// Jobs by id; arrays and heterogeneous jobs as a whole by the id of the first. Optionally only those of one
  /// user.
  static func jobs(
    _ ids: [UInt32], cluster: String?, uid: UInt32?, _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [SubmittedJob] {
    // Without an id, slurmdbd would return all jobs.
    if ids.isEmpty { return [] }
    let records = SeparatedRecords()
    let release = try? asking.release()
    let known = Field.known(to: release)
    let arguments = [
      // Includes earlier runs of requeued jobs: their number is the number of restarts.
      "--duplicates", "--noconvert", "--format=" + known.map(\.rawValue).joined(separator: ","),
      "--jobs=" + ids.map(String.init).joined(separator: ","), uid.map { "--uid=\($0)" } ?? "--allusers",
    ]
    let output = try asking.output(of: "sacct", common(records, cluster: cluster) + arguments)
    let rows = try records.parse(output, fieldCount: known.count, isTerminated: false, of: "sacct")
    var jobs: [AccountedJob] = []
    for row in rows {
      let values = Values(row, known)
      if values[.rawID]?.contains(".") == true {
        // Steps follow their job in the output.
        if let last = jobs.indices.last { jobs[last].steps.append(step(values)) }
      } else if var job = fields(values) {
        if let release {
          job.outputPaths = OutputPaths(
            accounted: values.text(.stdout), values.text(.stderr), of: job, release: release)
        }
        jobs.append(AccountedJob(job, steps: []))
      } else {
        throw SlurmFailure(.rubbish, "sacct printed a job without an id: \(row.prefix(3))")
      }
    }
    return JobConversion(cluster: cluster, now: time(nil)).submittedJobs(jobs)
  }

  /// Ids of a user's jobs that had not ended at `since` (seconds since 1970) and were eligible, or ended, before
  /// `until`: those with one of the tags; without tags, all. The id of an array stands for all of its tasks.
  ///
  /// Omits jobs that have not become eligible and not ended: sacct always asks for a time window with an end, which
  /// those jobs lack. slurmctld has them.
  static func ids(
    ofUser uid: UInt32, since: Int, until: Int?, tags: [String], _ asking: SlurmCommands.Asking
  ) throws(SlurmFailure) -> [UInt32] {
    let records = SeparatedRecords()
    let fields: [Field] = [.rawID, .shownID, .cluster]
    var arguments = [
      "--allocations", "--format=" + fields.map(\.rawValue).joined(separator: ","), "--uid=\(uid)",
      "--starttime=uts\(since)",
    ]
    if !tags.isEmpty { arguments.append("--wckeys=\(tags.joined(separator: ","))") }
    let end = until.map { "--endtime=uts\($0)" }
    // Without states, sacct leaves out jobs that ended before they were eligible. With states, it needs an end.
    let questions = [[end].compactMap { $0 }, ["--state=CANCELLED,DEADLINE", end ?? "--endtime=now"]]
    var ids: Set<UInt32> = []
    for question in questions {
      let output = try asking.output(of: "sacct", common(records, cluster: nil) + arguments + question)
      for row in try records.parse(output, fieldCount: fields.count, isTerminated: false, of: "sacct") {
        let values = Values(row, fields)
        let array = values[.shownID]?.split(separator: "_", maxSplits: 1) ?? []
        ids.formUnion([array.count == 2 ? UInt32(array[0]) : nil, values.number(.rawID)].compactMap { $0 })
      }
    }
    return ids.sorted()
  }

  private static func common(_ records: SeparatedRecords, cluster: String?) -> [String] {
    [
      "--noheader", "--parsable2", "--delimiter=\(records.mark)",
      cluster.map { "--clusters=\($0)" } ?? "--local",
    ]
  }

  private static func fields(_ values: Values) -> SlurmJobFields? {
    guard let id = values.number(.rawID), let state = values[.state] else { return nil }
    let (base, flags) = CommandText.state(state)
    var job = SlurmJobFields(jobID: id, state: base)
    job.stateFlags = flags
    identify(&job, values[.shownID] ?? "")
    job.userID = values.number(.userID)
    job.cancelledBy = CommandText.canceller(state)
    job.exitStatus = values.exitStatus(.exitCode)
    job.derivedExitStatus = values.exitStatus(.derivedExitCode)
    job.submitTime = values.time(.submitTime)
    job.eligibleTime = values.time(.eligibleTime)
    job.startTime = values.time(.startTime)
    job.endTime = values.time(.endTime)
    job.elapsed = values.number(.elapsed).map { Int($0) }
    job.timeLimitMinutes = values.number(.timeLimit)
    job.nodeCount = values.number(.nodeCount)
    job.cpuCount = values.number(.cpuCount)
    job.nodes = values.text(.nodes)
    job.tresRequested = values.text(.tresRequested).map(CommandText.inOrder)
    job.tresAllocated = values.text(.tresAllocated).map(CommandText.inOrder)
    job.cluster = values.text(.cluster)
    job.name = values.name(.name)
    job.userName = values.text(.userName)
    job.account = values.text(.account)
    job.partition = values.text(.partition)
    job.qos = values.text(.qos)
    job.wckey = values.text(.wckey)
    job.workingDir = values.text(.workingDir)
    job.submitLine = values.text(.submitLine)
    return job
  }

  /// Sets the ids of arrays and heterogeneous jobs: `3_[1-5%2]`, `3_1`, `4+1`.
  private static func identify(_ job: inout SlurmJobFields, _ shown: String) {
    let id = shown.prefix { $0.isASCII && $0.isNumber }
    let rest = shown[id.endIndex...]
    if rest.hasPrefix("_") {
      job.arrayJobID = UInt32(id)
      let tasks = rest.dropFirst()
      job.arrayTaskID = UInt32(tasks)
      if tasks.hasPrefix("["), tasks.hasSuffix("]") { job.tasksLeft = String(tasks.dropFirst().dropLast()) }
    } else if rest.hasPrefix("+") {
      job.hetJobID = UInt32(id)
      job.hetJobOffset = UInt32(rest.dropFirst())
    }
  }

  private static func step(_ values: Values) -> SlurmStepFields {
    var step = SlurmStepFields(
      isBatch: values[.rawID]?.hasSuffix(".batch") == true,
      cpuSeconds: values.duration(.cpuTime) ?? 0)
    step.exitStatus = values.exitStatus(.exitCode)
    step.startTime = values.time(.startTime)
    step.endTime = values.time(.endTime)
    step.maxRSSBytes = values.amount("mem", .usage)
    step.totalRSSBytes = values.amount("mem", .totalUsage)
    step.readBytes = values.amount("fs/disk", .totalUsage)
    step.writtenBytes = values.amount("fs/disk", .outputUsage)
    return step
  }
}
