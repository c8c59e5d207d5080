internal import CSlurm
import Glibc
internal import SlurmJobs

/// Asks slurmdbd.
enum AccountingQueries {
  /// Jobs by id; arrays and heterogeneous jobs as a whole by the id of the first. Optionally only those of one
  /// user.
  static func jobs(ids: [UInt32], cluster: String?, uid: UInt32?) throws(SlurmFailure) -> SlurmAnswer {
    // Without an id, slurmdbd would return all jobs.
    if ids.isEmpty { return SlurmAnswer() }
    let connection = try AccountingConnection()
    return try jobs(ids, connection, cluster ?? LocalCluster.name, uid: uid)
  }

  /// Jobs of a user that had not ended at `since` (seconds since 1970) and were eligible before `until`: those with one
  /// of the tags; without tags, all. Of a job that never became eligible, the time of its submission counts.
  static func jobs(
    ofUser uid: UInt32, since: Int, until: Int?, tags: [String]
  ) throws(SlurmFailure) -> SlurmAnswer {
    let connection = try AccountingConnection()
    let cluster = LocalCluster.name
    let (users, wckeys, clusters) = (
      textList(["\(uid)"]), textList(tags), textList(cluster.map { [$0] } ?? [])
    )
    defer { for list in [users, wckeys, clusters] where list != nil { slurm_list_destroy(list) } }
    var error: CInt = 0
    guard
      let found = duct_slurm_accounting_search(
        connection.handle, users, wckeys, clusters, Int64(since), &error)
    else { throw AccountingConnection.failure("slurmdb_jobs_get", error) }
    let records: [UnsafeMutablePointer<slurmdb_job_rec_t>] = elements(found)
    let ids = Set(records.lazy.map(\.pointee).filter { began($0, before: until) }.map(\.jobid)).sorted()
    slurm_list_destroy(found)
    return ids.isEmpty ? SlurmAnswer() : try jobs(ids, connection, cluster, uid: uid)
  }

  private static func began(_ job: slurmdb_job_rec_t, before until: Int?) -> Bool {
    guard let until else { return true }
    return (job.eligible > 0 ? job.eligible : job.submit) < until
  }

  private static func jobs(
    _ ids: [UInt32], _ connection: AccountingConnection, _ cluster: String?, uid: UInt32?
  ) throws(SlurmFailure) -> SlurmAnswer {
    let (selected, users, clusters) = (
      jobList(ids), textList(uid.map { ["\($0)"] } ?? []), textList(cluster.map { [$0] } ?? [])
    )
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
    conversion.tresNames = tresNames(of: jobs, connection.handle)
    let qosNames = qosNames(of: jobs, connection.handle)
    var answer = SlurmAnswer()
    answer.jobs = conversion.submittedJobs(jobs.map { accountedJob($0, qosNames) })
    return answer
  }

  private static func accountedJob(
    _ job: UnsafeMutablePointer<slurmdb_job_rec_t>, _ qosNames: [UInt32: String]
  ) -> AccountedJob {
    let flat = duct_slurm_accounting_job(job)
    var fields = SlurmJobFields(flat)
    fields.qos = qosNames[flat.qos_id]
    (fields.tasksLeft, fields.arrayTasks) = (fields.arrayTasks, nil)
    // slurmdbd up to 23.11 has no paths. A later component writes to the file of the first one.
    fields.outputPaths = OutputPaths(
      accounted: slurmText(flat.std_out), slurmText(flat.std_err), of: fields, release: LibraryRelease.release
    )
    let steps: [UnsafeMutablePointer<slurmdb_step_rec_t>] = elements(job.pointee.steps)
    return AccountedJob(fields, steps: steps.map { stepFields(duct_slurm_accounting_step($0)) })
  }

  private static func stepFields(_ step: duct_slurm_step) -> SlurmStepFields {
    let (memoryType, diskType): (Int64, Int64) = (2, 6)
    var fields = SlurmStepFields(isBatch: step.step_id == batchStep, cpuSeconds: step.cpu_seconds)
    fields.exitStatus = step.exit_code > 0 ? UInt32(step.exit_code) : nil
    fields.startTime = step.start_time > 0 ? Int(step.start_time) : nil
    fields.endTime = step.end_time > 0 ? Int(step.end_time) : nil
    fields.maxRSSBytes = TresText.value(memoryType, in: slurmText(step.usage_in_max))
    fields.totalRSSBytes = TresText.value(memoryType, in: slurmText(step.usage_in_tot))
    fields.readBytes = TresText.value(diskType, in: slurmText(step.usage_in_tot))
    fields.writtenBytes = TresText.value(diskType, in: slurmText(step.usage_out_tot))
    return fields
  }

  /// SLURM_BATCH_SCRIPT of slurm.h, the step id of a job's script.
  private static let batchStep: UInt32 = 0xFFFF_FFFB

  private static func qosNames(
    of jobs: [UnsafeMutablePointer<slurmdb_job_rec_t>], _ connection: UnsafeMutableRawPointer
  ) -> [UInt32: String] {
    guard jobs.contains(where: { $0.pointee.qosid != 0 }), let list = duct_slurm_qos_list(connection) else {
      return [:]
    }
    defer { slurm_list_destroy(list) }
    var names: [UInt32: String] = [:]
    let all: [UnsafeMutablePointer<slurmdb_qos_rec_t>] = elements(list)
    for qos in all { names[qos.pointee.id] = slurmText(qos.pointee.name) }
    return names
  }

  private static func tresNames(
    of jobs: [UnsafeMutablePointer<slurmdb_job_rec_t>], _ connection: UnsafeMutableRawPointer
  ) -> [Int64: String] {
    var names = TresText.standardNames
    let texts = jobs.compactMap { slurmText($0.pointee.tres_req_str) }
    let isStandard = texts.allSatisfy { text in
      text.split(separator: ",").allSatisfy { Int64($0.prefix { $0 != "=" }) ?? 0 <= 8 }
    }
    guard !isStandard, let list = duct_slurm_tres_types(connection) else { return names }
    defer { slurm_list_destroy(list) }
    let all: [UnsafeMutablePointer<slurmdb_tres_rec_t>] = elements(list)
    for type in all {
      let parts = [slurmText(type.pointee.type), slurmText(type.pointee.name)].compactMap { $0 }
      names[Int64(type.pointee.id)] = parts.joined(separator: "/")
    }
    return names
  }
}
