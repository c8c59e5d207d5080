import Testing

@testable import SlurmJobs

private let qos = "its quality of service (QOS)"
private let resources = "the CPUs, memory or other resources that it asks for are in use"

@Suite struct StateReasonTests {
  @Test(
    arguments: [
      ("Priority", "jobs with a higher priority come first"),
      ("Resources", "the CPUs, memory or other resources that it asks for are in use"),
      ("Dependency", "it waits for another job"),
      ("DependencyNeverSatisfied", "a job that it depends on did not end as required, so it never starts"),
      ("JobHeldUser", "it is held back, on request or after a failed launch"),
      ("JobHeldAdmin", "it is held back by an administrator or by Slurm"),
      ("BadConstraints", "no nodes can give what it asks for"),
      ("ReqNodeNotAvail", "nodes that it needs are out of service, in use or reserved"),
      ("PartitionTimeLimit", "its time limit is longer than its partition allows"),
      ("NonZeroExitCode", "its script ended with an exit code other than 0"),
      ("TimeLimit", "its time limit was reached"),
      ("OutOfMemory", "it used more memory than it asked for"),
    ])
  func words(_ word: String, _ text: String) { #expect(StateReason(word).text == text) }

  @Test(
    arguments: [
      ("AssocGrpCpuLimit", "with it, the jobs of its account would use more CPUs at a time than they may"),
      (
        "AssocGrpCPUMinutesLimit",
        "with it, the jobs of its account would use more CPU minutes in all than they may"
      ),
      (
        "AssocGrpGRESRunMinutes",
        "with it, the running jobs of its account could still use more device minutes than they may"
      ),
      ("AssocGrpJobsLimit", "as many jobs of its account run as may run at a time"),
      ("AssocGrpWallLimit", "the jobs of its account have used up their running time"),
      ("AssocMaxJobsLimit", "as many jobs of its user in its account run as may run at a time"),
      ("AssocMaxMemPerJob", "it asks for more memory than its account allows a job"),
      ("AssocMaxCpuMinutesPerJobLimit", "it asks for more CPU minutes than its account allows a job"),
      (
        "AssocMaxGRESPerNode",
        "it asks for more GPUs or other devices per node than its account allows a job"
      ),
      (
        "QOSMaxJobsPerUserLimit",
        "as many jobs of its user in \(qos) run as may run at a time"
      ),
      ("QOSMaxWallDurationPerJobLimit", "its time limit is longer than \(qos) allows"),
      ("QOSMinMemory", "it asks for less memory than \(qos) demands of a job"),
      (
        "QOSMinCpuNotSatisfied",
        "it asks for fewer CPUs than \(qos) demands of a job"
      ),
      (
        "MaxMemoryPerAccount",
        "with it, the jobs of its account in \(qos) would use more memory at a time than they may"
      ),
      (
        "MaxCpuRunMinsPerUser",
        "with it, the running jobs of its user in \(qos) could still use more CPU minutes than they may"
      ),
      (
        "MaxSubmitJobsPerAccount",
        "as many jobs of its account in \(qos) wait or run as may at a time"
      ),
    ])
  func limits(_ word: String, _ text: String) { #expect(StateReason(word).text == text) }

  @Test(
    arguments: [
      ("Priority", nil),
      ("JobHeldUser", "Release it with scontrol release"),
      ("TimeLimit", "Ask for a longer time limit (--time)"),
      ("OutOfMemory", "Ask for more memory (--mem)"),
      ("AssocGrpCpuLimit", "Wait until other jobs end, or ask for fewer CPUs"),
      ("AssocGrpCPUMinutesLimit", "Use another account, or ask the administrators for more CPU minutes"),
      ("QOSGrpMemoryRunMinutes", "Wait until other jobs end, or ask for less memory or a shorter time limit"),
      ("QOSMaxGRESPerNode", "Ask for fewer GPUs or other devices per node, or use another QOS"),
      ("QOSMaxWallDurationPerJobLimit", "Ask for a shorter time limit (--time), or use another QOS"),
      ("QOSMinNode", "Ask for more nodes, or use another QOS"),
      ("NewThingHappened", nil),
    ] as [(String, String?)])
  func advice(_ word: String, _ advice: String?) { #expect(StateReason(word).advice == advice) }

  /// Sentences that slurmctld has in place of a word. scontrol prints underscores for spaces.
  @Test(
    arguments: [
      ("launch failed requeued held", "it could not be launched on its nodes, and is held back now"),
      ("launch_failed_requeued_held", "it could not be launched on its nodes, and is held back now"),
      ("job requeued in held state", "it was put back into the queue, and is held back now"),
      (
        "ReqNodeNotAvail, UnavailableNodes:n[1-3]",
        "nodes that it needs are out of service, in use or reserved: n[1-3]"
      ),
      (
        "ReqNodeNotAvail,_Reserved_for_maintenance",
        "nodes that it needs are reserved for maintenance, which it could run into"
      ),
      ("RaisedSignal:9(Killed)", "signal 9 (SIGKILL) ended its script"),
      ("Reservation night was deleted", "its reservation was deleted, and it is held back now"),
      (
        "Job's account not permitted to use this partition (gpu allows a not b)",
        "its account or user may not use its partition"
      ),
      (
        "uid 7 not in group permitted to use this partition (gpu). groups allowed: a",
        "its account or user may not use its partition"
      ),
      ("Resources,Priority", "\(resources); for other tasks: jobs with a higher priority come first"),
    ])
  func sentences(_ sentence: String, _ text: String) { #expect(StateReason(sentence).text == text) }

  /// What a later release adds stays readable.
  @Test(
    arguments: [
      ("NewThingHappened", "new thing happened"),
      ("QOSMaxFooPerGRESPart2", "QOS max foo per GRES part2"),
      ("Burst buffer pre_run error.", "burst buffer pre_run error"),
      ("Reserved", "reserved"), ("", "Slurm gives no reason"), ("AssocMax", "assoc max"),
    ])
  func unknown(_ reason: String, _ text: String) {
    let told = StateReason(reason)
    #expect(told.text == text && told.advice == nil && !neverStarts(waitingFor: reason))
  }

  @Test(
    arguments: [
      "DependencyNeverSatisfied", "JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "BadConstraints",
      "PartitionTimeLimit", "PartitionNodeLimit", "PartitionConfig", "MaxMemPerLimit", "InvalidAccount",
      "InvalidQOS", "AccountNotAllowed", "QOSNotAllowed", "ReservationDeleted", "ReservationInvalid",
      "BurstBufferOperation", "AssocMaxCpuPerJobLimit", "AssocMaxMemPerNode", "QOSMaxNodePerJobLimit",
      "QOSMaxWallDurationPerJobLimit", "QOSMaxCpuMinutesPerJobLimit", "QOSMinGRES", "QOSMinCpuNotSatisfied",
      "launch failed requeued held", "job_requeued_in_held_state", "Reservation night was deleted",
      "Job's QOS not permitted to use this partition (gpu denies a including a)", "JobHeldUser,JobHeldAdmin",
    ])
  func neverStarts(_ reason: String) { #expect(neverStarts(waitingFor: reason)) }

  @Test(
    arguments: [
      "Priority", "Resources", "Dependency", "BeginTime", "Reservation", "ReqNodeNotAvail", "PartitionDown",
      "PartitionInactive", "Constraints", "QOSUsageThreshold", "JobArrayTaskLimit", "AssocGrpCpuLimit",
      "AssocGrpCPUMinutesLimit", "AssocGrpWallLimit", "AssocMaxJobsLimit", "AssocMaxSubmitJobLimit",
      "QOSMaxJobsPerUserLimit", "QOSMaxCpuPerUserLimit", "MaxCpuPerAccount", "MaxGRESRunMinsPerUser",
      "NonZeroExitCode", "TimeLimit", "ReqNodeNotAvail, UnavailableNodes:n1", "JobHeldUser,Priority",
    ])
  func startsByItself(_ reason: String) { #expect(!neverStarts(waitingFor: reason)) }

  private func neverStarts(waitingFor reason: String) -> Bool {
    var job = JobRecord(state: .pending)
    job.stateReason = reason
    return StateReason.neverStarts(job)
  }

  /// The reason is about the partition that Slurm tried last. The job can start in another one.
  @Test func jobsWithSeveralPartitions() {
    var job = JobRecord(state: .pending)
    #expect(!StateReason.neverStarts(job))
    job.stateReason = "PartitionTimeLimit"
    #expect(StateReason.neverStarts(job))
    job.partition = "short"
    #expect(StateReason.neverStarts(job))
    job.partition = "short,long"
    #expect(!StateReason.neverStarts(job))
    job.stateReason = "JobHeldUser"
    #expect(StateReason.neverStarts(job))
    job.state = .running
    #expect(!StateReason.neverStarts(job))
  }

  /// Every word of 22.05, 24.11 and 26.05 is told in words of its own.
  @Test func allWords() throws {
    let words = Self.all.split(whereSeparator: \.isWhitespace).map(String.init)
    #expect(words.count == 223 && Set(words).count == 223)
    let camelCase = try Regex("[a-z][A-Z]")
    for word in words {
      let reason = StateReason(word)
      #expect(!reason.text.isEmpty && reason.text != word && reason.text != word.lowercased(), "\(word)")
      #expect(reason.text.firstMatch(of: camelCase) == nil, "\(word): \(reason.text)")
      #expect(!reason.text.hasSuffix(".") && reason.advice?.hasSuffix(".") != true, "\(word)")
      #expect(reason.text.first?.isUppercase == false || reason.text.hasPrefix("Slurm "), "\(word)")
      #expect(StateReason.words[word] != nil || LimitReason(word) != nil, "\(word) is not known")
    }
  }

  /// In the order of the numbers in 22.05; then what 24.11 and 26.05 added.
  private static let all = """
    None Priority Dependency Resources PartitionNodeLimit PartitionTimeLimit PartitionDown PartitionInactive
    JobHeldAdmin BeginTime Licenses AssociationJobLimit AssociationResourceLimit AssociationTimeLimit
    Reservation ReqNodeNotAvail JobHeldUser FrontEndDown SchedDefer NodeDown BadConstraints SystemFailure
    JobLaunchFailure NonZeroExitCode TimeLimit InactiveLimit InvalidAccount InvalidQOS QOSUsageThreshold
    QOSJobLimit QOSResourceLimit QOSTimeLimit BlockMaxError BlockFreeAction Cleaning Prolog QOSNotAllowed
    AccountNotAllowed DependencyNeverSatisfied QOSGrpCpuLimit QOSGrpCPUMinutesLimit QOSGrpCPURunMinutesLimit
    QOSGrpJobsLimit QOSGrpMemLimit QOSGrpNodeLimit QOSGrpSubmitJobsLimit QOSGrpWallLimit QOSMaxCpuPerJobLimit
    QOSMaxCpuMinutesPerJobLimit QOSMaxNodePerJobLimit QOSMaxWallDurationPerJobLimit QOSMaxCpuPerUserLimit
    QOSMaxJobsPerUserLimit QOSMaxNodePerUserLimit QOSMaxSubmitJobPerUserLimit QOSMinCpuNotSatisfied
    AssocGrpCpuLimit AssocGrpCPUMinutesLimit AssocGrpCPURunMinutesLimit AssocGrpJobsLimit AssocGrpMemLimit
    AssocGrpNodeLimit AssocGrpSubmitJobsLimit AssocGrpWallLimit AssocMaxJobsLimit AssocMaxCpuPerJobLimit
    AssocMaxCpuMinutesPerJobLimit AssocMaxNodePerJobLimit AssocMaxWallDurationPerJobLimit
    AssocMaxSubmitJobLimit JobHoldMaxRequeue JobArrayTaskLimit BurstBufferResources BurstBufferStageIn
    BurstBufferOperation PowerNotAvail PowerReserved AssocGrpUnknown AssocGrpUnknownMinutes
    AssocGrpUnknownRunMinutes AssocMaxUnknownPerJob AssocMaxUnknownPerNode AssocMaxUnknownMinutesPerJob
    AssocMaxCpuPerNode AssocGrpMemMinutes AssocGrpMemRunMinutes AssocMaxMemPerJob AssocMaxMemPerNode
    AssocMaxMemMinutesPerJob AssocGrpNodeMinutes AssocGrpNodeRunMinutes AssocMaxNodeMinutesPerJob
    AssocGrpEnergy AssocGrpEnergyMinutes AssocGrpEnergyRunMinutes AssocMaxEnergyPerJob AssocMaxEnergyPerNode
    AssocMaxEnergyMinutesPerJob AssocGrpGRES AssocGrpGRESMinutes AssocGrpGRESRunMinutes AssocMaxGRESPerJob
    AssocMaxGRESPerNode AssocMaxGRESMinutesPerJob AssocGrpLicense AssocGrpLicenseMinutes
    AssocGrpLicenseRunMinutes AssocMaxLicensePerJob AssocMaxLicenseMinutesPerJob AssocGrpBB AssocGrpBBMinutes
    AssocGrpBBRunMinutes AssocMaxBBPerJob AssocMaxBBPerNode AssocMaxBBMinutesPerJob QOSGrpUnknown
    QOSGrpUnknownMinutes QOSGrpUnknownRunMinutes QOSMaxUnknownPerJob QOSMaxUnknownPerNode QOSMaxUnknownPerUser
    QOSMaxUnknownMinutesPerJob QOSMinUnknown QOSMaxCpuPerNode QOSGrpMemoryMinutes QOSGrpMemoryRunMinutes
    QOSMaxMemoryMinutesPerJob QOSMaxMemoryPerJob QOSMaxMemoryPerNode QOSMaxMemoryPerUser QOSMinMemory
    QOSGrpEnergy QOSGrpEnergyMinutes QOSGrpEnergyRunMinutes QOSMaxEnergyPerJob QOSMaxEnergyPerNode
    QOSMaxEnergyPerUser QOSMaxEnergyMinutesPerJob QOSMinEnergy QOSGrpNodeMinutes QOSGrpNodeRunMinutes
    QOSMaxNodeMinutesPerJob QOSMinNode QOSGrpGRES QOSGrpGRESMinutes QOSGrpGRESRunMinutes QOSMaxGRESPerJob
    QOSMaxGRESPerNode QOSMaxGRESPerUser QOSMaxGRESMinutesPerJob QOSMinGRES QOSGrpLicense QOSGrpLicenseMinutes
    QOSGrpLicenseRunMinutes QOSMaxLicensePerJob QOSMaxLicensePerUser QOSMaxLicenseMinutesPerJob QOSMinLicense
    QOSGrpBB QOSGrpBBMinutes QOSGrpBBRunMinutes QOSMaxBBPerJob QOSMaxBBPerNode QOSMaxBBPerUser QOSMinBB
    DeadLine MaxBBPerAccount MaxCpuPerAccount MaxEnergyPerAccount MaxGRESPerAccount MaxNodePerAccount
    MaxLicensePerAccount MaxMemoryPerAccount MaxUnknownPerAccount MaxJobsPerAccount MaxSubmitJobsPerAccount
    PartitionConfig AccountingPolicy FedJobLock OutOfMemory MaxMemPerLimit AssocGrpBilling
    AssocGrpBillingMinutes AssocGrpBillingRunMinutes AssocMaxBillingPerJob AssocMaxBillingPerNode
    AssocMaxBillingMinutesPerJob QOSGrpBilling QOSGrpBillingMinutes QOSGrpBillingRunMinutes
    QOSMaxBillingPerJob QOSMaxBillingPerNode QOSMaxBillingPerUser QOSMaxBillingMinutesPerJob
    MaxBillingPerAccount QOSMinBilling ReservationDeleted RaisedSignal InvaildReason ReservationInvalid
    Constraints MaxBBRunMinsPerAccount MaxBillingRunMinsPerAccount MaxCpuRunMinsPerAccount
    MaxEnergyRunMinsPerAccount MaxGRESRunMinsPerAccount MaxNodeRunMinsPerAccount MaxLicenseRunMinsPerAccount
    MaxMemoryRunMinsPerAccount MaxUnknownRunMinsPerAccount MaxBBRunMinsPerUser MaxBillingRunMinsPerUser
    MaxCpuRunMinsPerUser MaxEnergyRunMinsPerUser MaxGRESRunMinsPerUser MaxNodeRunMinsPerUser
    MaxLicenseRunMinsPerUser MaxMemoryRunMinsPerUser MaxUnknownRunMinsPerUser MaxPoweredUpNodes MpiPortsBusy
    NvidiaImexChannels InvalidReason
    """
}
