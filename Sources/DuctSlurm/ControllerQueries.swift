internal import CSlurm
import Glibc
internal import RecordText
internal import SlurmJobs

/// Asks slurmctld.
enum ControllerQueries {
  private static let flags = duct_slurm_show_flags

  /// - Parameter scope: drops jobs that are not in it; nil: returns all.
  static func jobsOfUser(_ uid: UInt32, _ scope: JobScope?) throws(SlurmFailure) -> SlurmAnswer {
    try answer("slurm_load_job_user", scope) { slurm_load_job_user($0, uid, flags) }
  }

  static func jobs(_ ids: [UInt32]) throws(SlurmFailure) -> SlurmAnswer {
    if ids.count == 1 {
      do throws(SlurmFailure) {
        return try answer("slurm_load_job") { duct_slurm_load_job($0, ids[0], flags) }
      } catch  where error.code == Int(duct_slurm_invalid_job_id) {
        // slurmctld has dropped the job, or it never existed: that is a valid answer.
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
    defer { duct_slurm_free_configuration(loaded) }
    let settings = duct_slurm_read_settings(loaded)
    var configuration = ClusterConfiguration()
    configuration.clusterName = slurmText(settings.cluster_name)
    configuration.controllerVersion = slurmText(settings.version)
    configuration.libraryVersion = LibraryRelease.ofHeaders
    configuration.tracksWckeys = settings.tracks_wckeys
    configuration.minJobAge = Int(settings.min_job_age)
    configuration.processTracking = slurmText(settings.process_tracking)
    configuration.usageGatherer = slurmText(settings.usage_gatherer)
    configuration.usageFrequency = slurmText(settings.usage_frequency)
    configuration.accountingStorage = slurmText(settings.accounting_storage)
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
    _ function: String, _ scope: JobScope? = nil,
    _ load: (UnsafeMutablePointer<UnsafeMutablePointer<job_info_msg_t>?>) -> CInt
  ) throws(SlurmFailure) -> SlurmAnswer {
    var loaded: UnsafeMutablePointer<job_info_msg_t>?
    try check(function) { load(&loaded) }
    guard let loaded else { throw noAnswer(function) }
    defer { slurm_free_job_info_msg(loaded) }
    let now = Int(loaded.pointee.last_update)
    let conversion = JobConversion(cluster: LocalCluster.name, now: now)
    var names = Names()
    var answer = SlurmAnswer()
    answer.controllerTime = now
    for index in 0..<Int(loaded.pointee.record_count) {
      guard let job = loaded.pointee.job_array.map({ $0 + index }) else { break }
      let flat = duct_slurm_controller_job(job, Int64(now))
      if let scope, !isWithin(scope, flat) { continue }
      answer.jobs.append(conversion.submittedJob(fields(flat, &names)))
    }
    return answer
  }

  /// Checks a job before it is converted: a user can have very many jobs that are not the run's.
  private static func isWithin(_ scope: JobScope, _ job: duct_slurm_job) -> Bool {
    scope.contains(
      ids: [job.job_id, job.array_job_id, job.het_job_id], submit: job.submit_time, sid: job.alloc_sid,
      wckey: { slurmText(job.wckey) })
  }

  /// Names that need a lookup. Each is looked up once in this process.
  private struct Names {
    var users: [UInt32: String?] = [:]
    var hosts: [String: String?] = [:]
    /// All nodes, loaded when more than `mostSingleNodes` nodes are needed.
    var allNodes: UnsafeMutablePointer<node_info_msg_t>?
    static let mostSingleNodes = 2
  }

  private static func fields(_ flat: duct_slurm_job, _ names: inout Names) -> SlurmJobFields {
    var fields = SlurmJobFields(flat, reason: slurmText(duct_slurm_reason(flat.reason)))
    if fields.userName == nil {
      let name = names.users[flat.user_id] ?? userName(flat.user_id)
      names.users[flat.user_id] = name
      fields.userName = name
    }
    fields.outputPaths = outputPaths(flat, &names)
    return fields
  }

  /// The patterns of the job's output files. Nil for jobs of srun and salloc, which have no files, and for later
  /// components of a heterogeneous job, which write to the file of the first one.
  private static func outputPaths(_ flat: duct_slurm_job, _ names: inout Names) -> OutputPaths? {
    let isLaterComponent = flat.het_job_id != 0 && flat.het_job_offset != 0
    guard flat.is_batch, !isLaterComponent else { return nil }
    var paths = OutputPaths(stdout: slurmText(flat.std_out), stderr: slurmText(flat.std_err))
    paths.rules = OutputPaths.Rules(LibraryRelease.release)
    paths.mayBeFilledIn = paths.rules >= .since2405
    if paths.needsNodeName, let node = slurmText(flat.batch_host) {
      if paths.rules >= .since2511 {
        paths.nodeName = node
      } else {
        let host = names.hosts[node] ?? nodeHost(node, &names)
        names.hosts[node] = host
        paths.nodeName = host
      }
    }
    return paths
  }

  /// A node's host name without a domain: up to 25.05, this is the value of %N.
  private static func nodeHost(_ node: String, _ names: inout Names) -> String? {
    if names.hosts.count == Names.mostSingleNodes, names.allNodes == nil {
      names.allNodes = duct_slurm_nodes(nil)
    }
    // `allNodes` is never freed: this process answers one request and ends.
    let single = names.allNodes == nil ? duct_slurm_nodes(node) : nil
    defer { if let single { slurm_free_node_info_msg(single) } }
    guard let nodes = names.allNodes ?? single else { return nil }
    return slurmText(duct_slurm_node_host(nodes, node)).map { String($0.prefix { $0 != "." }) }
  }

  /// Throws if a call of libslurm failed. Such calls return 0, -1 with errno, or (slurm_load_job) the error itself;
  /// errno may be 0.
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
