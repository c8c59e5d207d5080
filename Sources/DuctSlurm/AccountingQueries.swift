internal import CSlurm
import Glibc
internal import SlurmJobs

/// Questions to slurmdbd.
enum AccountingQueries {
  /// Jobs by id, whole arrays and heterogeneous jobs by the id of their first; all or those of a user.
  static func jobs(ids: [UInt32], cluster: String?, uid: UInt32?) throws(SlurmFailure) -> SlurmAnswer {
    // Without an id, slurmdbd would tell of all jobs.
    if ids.isEmpty { return SlurmAnswer() }
    let connection = try AccountingConnection()
    return try jobs(ids, connection, cluster ?? LocalCluster.name, uid: uid)
  }

  /// Jobs of a user that had not ended at `since`; all or those with a tag.
  static func jobs(
    ofUser uid: UInt32, since: Int, tag: String?
  ) throws(SlurmFailure) -> SlurmAnswer {
    let connection = try AccountingConnection()
    let cluster = LocalCluster.name
    let (users, wckeys, clusters) = (textList("\(uid)"), textList(tag), textList(cluster))
    defer { for list in [users, wckeys, clusters] where list != nil { slurm_list_destroy(list) } }
    var error: CInt = 0
    guard
      let found = duct_slurm_accounting_search(
        connection.handle, users, wckeys, clusters, Int64(since), &error)
    else { throw AccountingConnection.failure("slurmdb_jobs_get", error) }
    let records: [UnsafeMutablePointer<slurmdb_job_rec_t>] = elements(found)
    let ids = Set(records.map(\.pointee.jobid)).sorted()
    slurm_list_destroy(found)
    return ids.isEmpty ? SlurmAnswer() : try jobs(ids, connection, cluster, uid: uid)
  }

  private static func jobs(
    _ ids: [UInt32], _ connection: AccountingConnection, _ cluster: String?, uid: UInt32?
  ) throws(SlurmFailure) -> SlurmAnswer {
    let (selected, users, clusters) = (jobList(ids), textList(uid.map { "\($0)" }), textList(cluster))
    defer { for list in [selected, users, clusters] where list != nil { slurm_list_destroy(list) } }
    var error: CInt = 0
    guard
      let found = duct_slurm_accounting_jobs(connection.handle, selected, users, clusters, &error)
    else {
      throw AccountingConnection.failure("slurmdb_jobs_get", error)
    }
    defer { slurm_list_destroy(found) }
    var conversion = JobConversion(cluster: cluster, now: time(nil))
    let jobs: [UnsafeMutablePointer<slurmdb_job_rec_t>] = elements(found)
    loadNames(of: jobs, connection.handle, &conversion)
    var answer = SlurmAnswer()
    answer.jobs = latestRuns(of: jobs).flatMap { job, restarts in
      submittedJobs(job, restarts: restarts, conversion)
    }
    return answer
  }

  /// A requeued job has a record a run, all with the same id.
  private static func latestRuns(
    of jobs: [UnsafeMutablePointer<slurmdb_job_rec_t>]
  ) -> [(UnsafeMutablePointer<slurmdb_job_rec_t>, restarts: Int)] {
    var runs: [UInt32: [UnsafeMutablePointer<slurmdb_job_rec_t>]] = [:]
    var order: [UInt32] = []
    for job in jobs {
      if runs[job.pointee.jobid] == nil { order.append(job.pointee.jobid) }
      runs[job.pointee.jobid, default: []].append(job)
    }
    return order.compactMap { id in
      guard let all = runs[id]?.sorted(by: { $0.pointee.submit < $1.pointee.submit }),
        let latest = all.last
      else { return nil }
      // An id can be used again: only runs that a requeue ended count.
      let requeued = all.dropLast().filter { $0.pointee.state & requeueFlag != 0 }
      return (latest, requeued.count)
    }
  }

  /// JOB_REQUEUE of slurm.h, in the state of a run that a requeue ended.
  private static let requeueFlag: UInt32 = 1 << 10

  private static func submittedJobs(
    _ job: UnsafeMutablePointer<slurmdb_job_rec_t>, restarts: Int, _ conversion: JobConversion
  ) -> [SubmittedJob] {
    let flat = duct_slurm_accounting_job(job)
    var submitted = conversion.submittedJob(flat, reason: nil)
    submitted.record.restarts = restarts
    let steps: [UnsafeMutablePointer<slurmdb_step_rec_t>] = elements(job.pointee.steps)
    addUsage(steps.map { duct_slurm_accounting_step($0) }, to: &submitted.record)
    guard submitted.record.arrayTaskID == nil, let tasks = slurmText(flat.array_task_str) else {
      return [submitted]
    }
    return ArrayTasks.expand(submitted.record, tasks: tasks).map { record in
      var task = submitted
      task.record = record
      return task
    }
  }

  /// The job's own CPU time in the database is zero: it is the sum of its steps'.
  private static func addUsage(_ steps: [duct_slurm_step], to record: inout JobRecord) {
    guard !steps.isEmpty else { return }
    if record.hasEnded {
      record.cpuSeconds = steps.map(\.cpu_seconds).reduce(0, +)
      let memoryType: Int64 = 2
      record.maxRSSBytes =
        steps.compactMap { TresText.value(memoryType, in: slurmText($0.usage_in_max)) }.max()
    }
    // A cancelled or timed-out job has exit code 0 here; what ended its script is with the script.
    if record.state.isFailure, record.exitCode == 0, record.signal == nil,
      let batch = steps.first(where: { $0.step_id == batchStep }), batch.exit_code > 0
    {
      record.exitCode = Int(batch.exit_code >> 8 & 0xFF)
      if batch.exit_code & 0x7F != 0 { record.signal = Int(batch.exit_code & 0x7F) }
    }
  }

  /// SLURM_BATCH_SCRIPT of slurm.h, the step id of a job's script.
  private static let batchStep: UInt32 = 0xFFFF_FFFB

  private static func loadNames(
    of jobs: [UnsafeMutablePointer<slurmdb_job_rec_t>], _ connection: UnsafeMutableRawPointer,
    _ conversion: inout JobConversion
  ) {
    if jobs.contains(where: { $0.pointee.qosid != 0 }), let list = duct_slurm_qos_list(connection) {
      let all: [UnsafeMutablePointer<slurmdb_qos_rec_t>] = elements(list)
      for qos in all { conversion.qosNames[qos.pointee.id] = slurmText(qos.pointee.name) }
      slurm_list_destroy(list)
    }
    let texts = jobs.compactMap { slurmText($0.pointee.tres_req_str) }
    let isStandard = texts.allSatisfy { text in
      text.split(separator: ",").allSatisfy { Int64($0.prefix { $0 != "=" }) ?? 0 <= 8 }
    }
    if !isStandard, let list = duct_slurm_tres_types(connection) {
      let all: [UnsafeMutablePointer<slurmdb_tres_rec_t>] = elements(list)
      for type in all {
        let parts = [slurmText(type.pointee.type), slurmText(type.pointee.name)].compactMap { $0 }
        conversion.tresNames[Int64(type.pointee.id)] = parts.joined(separator: "/")
      }
      slurm_list_destroy(list)
    }
  }
}
