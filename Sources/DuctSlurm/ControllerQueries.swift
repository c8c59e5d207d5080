internal import CSlurm
import Glibc
internal import RecordText
internal import SlurmJobs

/// Questions to slurmctld.
enum ControllerQueries {
  private static let flags = duct_slurm_show_flags

  static func jobsOfUser(_ uid: UInt32) throws(SlurmFailure) -> SlurmAnswer {
    try answer("slurm_load_job_user") { slurm_load_job_user($0, uid, flags) }
  }

  static func jobs(_ ids: [UInt32]) throws(SlurmFailure) -> SlurmAnswer {
    if ids.count == 1 {
      do throws(SlurmFailure) {
        return try answer("slurm_load_job") { slurm_load_job($0, ids[0], flags) }
      } catch  where error.code == Int(duct_slurm_invalid_job_id) {
        // It has left the controller, or never was: that is an answer.
        return SlurmAnswer()
      }
    }
    var all = try answer("slurm_load_jobs") { slurm_load_jobs(0, $0, flags) }
    let wanted = Set(ids)
    all.jobs.removeAll { job in
      let ids = [job.record.jobID, job.record.arrayJobID, job.record.hetJobID].compactMap { $0 }
      return wanted.isDisjoint(with: ids)
    }
    return all
  }

  static func configuration() throws(SlurmFailure) -> SlurmAnswer {
    var loaded: UnsafeMutablePointer<slurm_conf_t>?
    try check("slurm_load_ctl_conf") { slurm_load_ctl_conf(0, &loaded) }
    guard let loaded else { throw noAnswer("slurm_load_ctl_conf") }
    defer { slurm_free_ctl_conf(loaded) }
    let settings = duct_slurm_read_settings(loaded)
    var configuration = ClusterConfiguration()
    configuration.clusterName = slurmText(settings.cluster_name)
    configuration.controllerVersion = slurmText(settings.version)
    configuration.libraryVersion = LibraryRelease.ofHeaders
    configuration.tracksWckeys = settings.tracks_wckeys
    configuration.minJobAge = Int(settings.min_job_age)
    configuration.controllerIsUp = true
    var answer = SlurmAnswer()
    answer.configuration = configuration
    return answer
  }

  static func ping() throws(SlurmFailure) -> SlurmAnswer {
    try check("slurm_ping") { slurm_ping(0) }
    var configuration = ClusterConfiguration()
    configuration.libraryVersion = LibraryRelease.ofHeaders
    configuration.controllerIsUp = true
    var answer = SlurmAnswer()
    answer.configuration = configuration
    return answer
  }

  // MARK: Calling

  private static func answer(
    _ function: String,
    _ load: (UnsafeMutablePointer<UnsafeMutablePointer<job_info_msg_t>?>) -> CInt
  ) throws(SlurmFailure) -> SlurmAnswer {
    var loaded: UnsafeMutablePointer<job_info_msg_t>?
    try check(function) { load(&loaded) }
    guard let loaded else { throw noAnswer(function) }
    defer { slurm_free_job_info_msg(loaded) }
    let now = Int(loaded.pointee.last_update)
    let conversion = JobConversion(cluster: LocalCluster.name, now: now)
    var userNames: [UInt32: String?] = [:]
    var answer = SlurmAnswer()
    answer.controllerTime = now
    for index in 0..<Int(loaded.pointee.record_count) {
      guard let job = loaded.pointee.job_array.map({ $0 + index }) else { break }
      answer.jobs.append(contentsOf: submittedJobs(job, conversion, &userNames))
    }
    return answer
  }

  private static func submittedJobs(
    _ job: UnsafeMutablePointer<slurm_job_info_t>, _ conversion: JobConversion,
    _ userNames: inout [UInt32: String?]
  ) -> [SubmittedJob] {
    let flat = duct_slurm_controller_job(job, Int64(conversion.now))
    var fields = SlurmJobFields(flat, reason: slurmText(duct_slurm_reason(flat.reason)))
    if fields.userName == nil {
      let name = userNames[flat.user_id] ?? userName(flat.user_id)
      userNames[flat.user_id] = name
      fields.userName = name
    }
    var submitted = conversion.submittedJob(fields)
    let paths = outputPaths(job, flat)
    submitted.record.stdoutPath = paths.stdout
    submitted.record.stderrPath = paths.stderr
    return conversion.submittedJobs(submitted, of: fields) { $0.setTaskPaths(task: $1, flat) }
  }

  /// Where the job's output goes, with libslurm's own expansion of the file name patterns.
  private static func outputPaths(
    _ job: UnsafeMutablePointer<slurm_job_info_t>, _ flat: duct_slurm_job
  ) -> (stdout: String?, stderr: String?) {
    // srun and salloc have none; a later component writes into the file of the first one, and
    // libslurm would name a file that does not exist.
    let isLaterComponent = flat.het_job_id != 0 && flat.het_job_offset != 0
    guard flat.is_batch, !isLaterComponent else { return (nil, nil) }
    var buffer = [CChar](repeating: 0, count: 8192)
    slurm_get_job_stdout(&buffer, CInt(buffer.count), job)
    let stdout = slurmText(buffer)
    slurm_get_job_stderr(&buffer, CInt(buffer.count), job)
    return (stdout, slurmText(buffer))
  }

  /// libslurm gives 0, -1 with errno, or (slurm_load_job) the error itself; errno may be 0.
  private static func check(_ function: String, _ call: () -> CInt) throws(SlurmFailure) {
    errno = 0
    let result = call()
    if result == 0 { return }
    let code = errno != 0 ? errno : result
    throw SlurmFailure(
      .slurm, "\(function): \(slurmText(slurm_strerror(code)) ?? "unknown error")", code: Int(code))
  }

  private static func noAnswer(_ function: String) -> SlurmFailure {
    SlurmFailure(.slurm, "\(function): no answer")
  }
}

extension JobRecord {
  /// A task that has not started has the array's paths, with the mark for "no task" in them.
  fileprivate mutating func setTaskPaths(task: UInt32, _ flat: duct_slurm_job) {
    let pattern = slurmText(flat.std_out) ?? ""
    func path(_ path: String?) -> String? {
      // %j is the id that the task will get.
      guard let path, !pattern.contains("%j"), !pattern.contains("%J") else { return nil }
      return path.replacing("\(DUCT_SLURM_NO_VALUE)", with: "\(task)")
    }
    stdoutPath = path(stdoutPath)
    stderrPath = path(stderrPath)
  }
}
