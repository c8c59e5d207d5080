internal import RecordText
internal import SlurmJobs

/// What the jobs of a campaign were given and what they used, added up. Nil if it is known of no job.
///
/// Sums are doubles: a record may contain any number, and a sum of integers could overflow.
struct ReportTotals: WrittenRecord {
  /// Hours between start and end, of all jobs that have started.
  var elapsedHours: Double?
  /// Hours between the eligible time and the start.
  var waitHours: Double?
  var cpuHoursAllocated: Double?
  /// Of the jobs whose CPU time is known.
  var cpuHoursUsed: Double?
  /// What the same jobs were allocated.
  var cpuHoursAllocatedOfMeasured: Double?
  /// Number of jobs whose CPU time is known.
  var jobsWithCPU = 0
  var memoryHoursAsked: Double?
  /// Peak memory multiplied by elapsed time, of the jobs that were sampled: what they would have used if they had had
  /// their peak all the time.
  var memoryHoursUsed: Double?
  /// What the same jobs asked for.
  var memoryHoursAskedOfMeasured: Double?
  /// Number of jobs whose memory was sampled.
  var jobsWithMemory = 0
  var gpuHoursAllocated: Double?
  var billingHours: Double?
  var energyJoules: Double?
  var readBytes: Double?
  var writtenBytes: Double?
  /// Elapsed hours of jobs that failed, and of runs that a requeue ended.
  var hoursLostToFailures: Double?
  var cpuHoursLostToFailures: Double?
  var hoursLostToRequeues: Double?
  var cpuHoursLostToRequeues: Double?

  mutating func list(_ members: inout RecordMembers) {
    members("elapsed_hours", &elapsedHours)
    members("wait_hours", &waitHours)
    members("cpu_hours_allocated", &cpuHoursAllocated)
    members("cpu_hours_used", &cpuHoursUsed)
    members("cpu_hours_allocated_of_measured", &cpuHoursAllocatedOfMeasured)
    members("jobs_with_cpu", &jobsWithCPU)
    members("memory_gib_hours_asked", &memoryHoursAsked)
    members("memory_gib_hours_used", &memoryHoursUsed)
    members("memory_gib_hours_asked_of_measured", &memoryHoursAskedOfMeasured)
    members("jobs_with_memory", &jobsWithMemory)
    members("gpu_hours_allocated", &gpuHoursAllocated)
    members("billing_hours", &billingHours)
    members("energy_joules", &energyJoules)
    members("io_read_bytes", &readBytes)
    members("io_written_bytes", &writtenBytes)
    members("elapsed_hours_lost_to_failures", &hoursLostToFailures)
    members("cpu_hours_lost_to_failures", &cpuHoursLostToFailures)
    members("elapsed_hours_lost_to_requeues", &hoursLostToRequeues)
    members("cpu_hours_lost_to_requeues", &cpuHoursLostToRequeues)
  }

  init(_ rows: [JobRow]) {
    for row in rows {
      add(row)
      for run in row.earlierRuns { addRequeue(run, cpus: row.cpus) }
    }
  }

  private mutating func add(_ row: JobRow) {
    Self.add(row.waitSeconds.map { Double($0) / 3600 }, to: &waitHours)
    Self.add(row.readBytes.map(Double.init), to: &readBytes)
    Self.add(row.writtenBytes.map(Double.init), to: &writtenBytes)
    Self.add(row.energyJoules.map(Double.init), to: &energyJoules)
    guard let elapsed = row.elapsedSeconds else { return }
    let hours = Double(elapsed) / 3600
    let cpuHours = row.cpuSecondsAllocated.map { $0 / 3600 }
    Self.add(hours, to: &elapsedHours)
    Self.add(cpuHours, to: &cpuHoursAllocated)
    Self.add(row.gpus.map { Double($0) * hours }, to: &gpuHoursAllocated)
    Self.add(row.billing.map { Double($0) * hours }, to: &billingHours)
    if let cpuSeconds = row.cpuSeconds, let cpuHours {
      jobsWithCPU += 1
      Self.add(cpuSeconds / 3600, to: &cpuHoursUsed)
      Self.add(cpuHours, to: &cpuHoursAllocatedOfMeasured)
    }
    addMemory(row, hours)
    guard row.hasFailed else { return }
    Self.add(hours, to: &hoursLostToFailures)
    Self.add(cpuHours, to: &cpuHoursLostToFailures)
  }

  private mutating func addMemory(_ row: JobRow, _ hours: Double) {
    guard let asked = row.memoryAskedBytes else { return }
    let gibibyte = Double(1 << 30)
    Self.add(Double(asked) / gibibyte * hours, to: &memoryHoursAsked)
    guard let used = row.memoryUsedBytes else { return }
    jobsWithMemory += 1
    Self.add(Double(used) / gibibyte * hours, to: &memoryHoursUsed)
    Self.add(Double(asked) / gibibyte * hours, to: &memoryHoursAskedOfMeasured)
  }

  private mutating func addRequeue(_ run: JobRun, cpus: Int?) {
    guard run.startTime != nil, let elapsed = run.elapsedSeconds, elapsed >= 0 else { return }
    let hours = Double(elapsed) / 3600
    Self.add(hours, to: &hoursLostToRequeues)
    Self.add(cpus.map { Double($0) * hours }, to: &cpuHoursLostToRequeues)
  }

  private static func add(_ value: Double?, to sum: inout Double?) {
    if let value { sum = (sum ?? 0) + value }
  }
}
