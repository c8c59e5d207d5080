/// The words of Slurm 22.05 to 26.05 (`job_state_reason` of slurm.h), without those that `LimitReason` reads.
///
/// Their meaning is from the sources of slurmctld 22.05 and 24.11 and from Slurm's page of job reason codes.
extension StateReason {
  static let words = waiting.merging(refused) { $1 }.merging(held) { $1 }.merging(ended) { $1 }

  /// The job waits for something that passes.
  private static let waiting: [String: StateReason] = [
    "None": mayStart("the scheduler has not looked at it yet"),
    "Priority": mayStart("jobs with a higher priority come first"),
    "Resources": mayStart("the CPUs, memory or other resources that it asks for are in use"),
    "Dependency": mayStart("it waits for another job"),
    "BeginTime": mayStart("the time before which it must not start has not come"),
    "JobArrayTaskLimit": mayStart(
      "as many tasks of its array run as may run at a time",
      "Raise the limit with scontrol update ArrayTaskThrottle if more may run"),
    "Licenses": mayStart("the licenses that it asks for are in use"),
    "Reservation": mayStart("its reservation has not begun, or all of it is in use"),
    "Cleaning": mayStart("its previous run is still being cleaned up"),
    "Prolog": mayStart("its nodes are being prepared (prolog)"),
    "ReqNodeNotAvail": mayStart(
      "nodes that it needs are out of service, in use or reserved",
      "Ask for fewer or for no particular nodes, or wait until they are free"),
    "ReqNodeNotAvail, May be reserved for other job": mayStart(
      "nodes that it needs may be reserved for another job"),
    "ReqNodeNotAvail, Reserved for maintenance": mayStart(
      "nodes that it needs are reserved for maintenance, which it could run into",
      "Ask for a shorter time limit (--time), or wait until the maintenance is over"),
    "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions": mayStart(
      "too many nodes of its partition are out of service, or are kept for partitions that come first"),
    "PartitionDown": mayStart(
      "its partition is out of service", "Use another partition, or wait until this one is back"),
    "PartitionInactive": mayStart(
      "its partition is closed", "Use another partition, or wait until this one is open"),
    "FrontEndDown": mayStart("the host that would start it (front end) is out of service"),
    "Constraints": mayStart("no node has the features that it asks for at present"),
    "BurstBufferResources": mayStart("the fast storage (burst buffer) that it asks for is in use"),
    "BurstBufferStageIn": mayStart("its files are being copied to fast storage (burst buffer)"),
    "QOSUsageThreshold": mayStart(
      "its account has used too much of its share for its quality of service (QOS)",
      "Use another QOS, or wait until past use counts less"),
    "AssociationJobLimit": mayStart("a limit on the jobs of its account is reached"),
    "AssociationResourceLimit": mayStart("a limit on the resources of its account is reached"),
    "AssociationTimeLimit": mayStart("a limit on the time of its account is reached"),
    "QOSJobLimit": mayStart("a limit on the jobs of its quality of service (QOS) is reached"),
    "QOSResourceLimit": mayStart("a limit on the resources of its quality of service (QOS) is reached"),
    "QOSTimeLimit": mayStart("a limit on the time of its quality of service (QOS) is reached"),
    "AccountingPolicy": mayStart("a limit of its account or quality of service (QOS) is reached"),
    "FedJobLock": mayStart("the clusters of its federation have not agreed where it starts"),
    "MaxPoweredUpNodes": mayStart("as many nodes are switched on as may be at a time"),
    "MpiPortsBusy": mayStart("the network ports for its MPI tasks are in use"),
    "NvidiaImexChannels": mayStart("the channels between GPUs of several nodes (NVIDIA IMEX) are in use"),
    "PowerNotAvail": mayStart("there is not enough electric power for it at present"),
    "PowerReserved": mayStart("the electric power for it is reserved"),
    "BlockMaxError": mayStart("too many parts of its block of the machine have errors"),
    "BlockFreeAction": mayStart("its block of the machine is being freed"),
    "InvalidReason": mayStart("Slurm gives a reason that it has no word for"),
    // So up to 24.11 (seen).
    "InvaildReason": mayStart("Slurm gives a reason that it has no word for"),
  ]

  /// The partition that slurmctld last tried, or its limits, do not admit the job.
  private static let refused: [String: StateReason] = [
    "BadConstraints": notHere(
      "no nodes can give what it asks for",
      "Check the nodes, CPUs, memory, GPUs and features that it asks for, and submit it again"),
    "PartitionTimeLimit": notHere(
      "its time limit is longer than its partition allows",
      "Ask for a shorter time limit (--time), or use another partition"),
    "PartitionNodeLimit": notHere(
      "its partition does not allow a job this number of nodes",
      "Ask for another number of nodes (--nodes), or use another partition"),
    "PartitionConfig": notHere(
      "its partition does not admit such a job", "Compare it with scontrol show partition"),
    "MaxMemPerLimit": notHere(
      "it asks for more memory per CPU or node than its partition allows",
      "Ask for less memory (--mem, --mem-per-cpu), or use another partition"),
    "AccountNotAllowed": notHere(
      "its account or user may not use its partition", "Use another partition or account"),
    "QOSNotAllowed": notHere(
      "its quality of service (QOS) must not be used in its partition or by its account",
      "Use another partition or QOS"),
  ]

  /// slurmctld does not consider the job at all until somebody changes it.
  private static let held: [String: StateReason] = [
    "DependencyNeverSatisfied": never(
      "a job that it depends on did not end as required, so it never starts",
      "Cancel it and submit it again, or change its dependency with scontrol update"),
    // libslurm has this word for all of the sentences below that say "held".
    "JobHeldUser": never("it is held back, on request or after a failed launch", release),
    "JobHeldAdmin": never(
      "it is held back by an administrator or by Slurm", "Ask the administrators why it is held back"),
    "JobHoldMaxRequeue": tooManyLaunches,
    "launch failure limit exceeded requeued held": tooManyLaunches,
    "launch failed requeued held": never(
      "it could not be launched on its nodes, and is held back now",
      "Release it with scontrol release, and tell the administrators if it fails again"),
    "user env retrieval failed requeued held": never(
      "its nodes could not read its user's environment, and it is held back now",
      "Release it with scontrol release, and tell the administrators if it fails again"),
    "job requeued in held state": never("it was put back into the queue, and is held back now", release),
    "job requeued in special exit state": never(
      "it was put back into the queue because of its exit code, and is held back now", release),
    "InvalidAccount": never(
      "its account does not exist or is not its user's", "Use another account (--account)"),
    "InvalidQOS": never(
      "its quality of service (QOS) does not exist or is not its user's", "Use another QOS (--qos)"),
    "ReservationDeleted": never("its reservation was deleted, and it is held back now", changeReservation),
    "ReservationInvalid": never("its reservation is not valid, and it is held back now", changeReservation),
    "BurstBufferOperation": never(
      "its fast storage (burst buffer) could not be prepared or emptied",
      "Check what it asks of the burst buffer, and submit it again"),
  ]

  private static let release = "Release it with scontrol release"
  private static let changeReservation =
    "Change its reservation with scontrol update, and release it with scontrol release"
  private static let tooManyLaunches = never(
    "it failed to start too often, and is held back now",
    "Find out why it does not start, and release it with scontrol release")

  /// How a job ended. slurmctld also has some of these words for a job that it refuses at once.
  private static let ended: [String: StateReason] = [
    "NonZeroExitCode": mayStart("its script ended with an exit code other than 0"),
    "RaisedSignal": mayStart("a signal ended its script"),
    // 22.05 has no other word for a script that a signal ended.
    "JobLaunchFailure": mayStart("it could not be launched, or a signal ended its script"),
    "TimeLimit": mayStart("its time limit was reached", "Ask for a longer time limit (--time)"),
    "DeadLine": mayStart(
      "it could not end before its deadline", "Ask for a shorter time limit or a later deadline"),
    "OutOfMemory": mayStart("it used more memory than it asked for", "Ask for more memory (--mem)"),
    "NodeDown": mayStart("one of its nodes failed", "Submit it again"),
    "SystemFailure": mayStart("Slurm or the system below it failed", "Submit it again"),
    "InactiveLimit": mayStart("the srun or salloc that it belongs to did not answer for too long"),
    "SchedDefer": mayStart(
      "it had to start at once, which this cluster does not offer", "Submit it without --immediate"),
  ]
}
