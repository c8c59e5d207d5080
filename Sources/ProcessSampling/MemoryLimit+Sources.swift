internal import DuctRecords

extension MemoryLimit {
  /// SLURM_MEM_PER_NODE and SLURM_MEM_PER_CPU count megabytes (1 << 20 bytes).
  private static let bytesPerMegabyteShift = 20
  /// A larger number in one of Slurm's variables is not believed. Products of two of them cannot overflow.
  private static let largestNumber = 1 << 30
  /// Megabytes: a larger allocation cannot be counted in bytes.
  private static let mostMegabytes = 1 << 42

  /// The smaller one of the cgroup's limit and of the Slurm job's allocation on this node.
  ///
  /// - Parameters:
  ///   - environment: has Slurm's variables if duct runs in a job.
  ///   - hostBytes: memory of the host. A cgroup limit beyond it limits nothing.
  /// - Returns: nil if there is no limit.
  init?(groups: ControlGroups, environment: [String: String], hostBytes: UInt64) {
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { (1..<Self.largestNumber).contains($0) ? $0 : nil }
    }
    // A job that may use all memory has 0 in SLURM_MEM_PER_NODE, which `number` leaves out.
    var allocated = number("SLURM_MEM_PER_NODE")
    if let share = number("SLURM_MEM_PER_CPU") { allocated = share * (number("SLURM_CPUS_ON_NODE") ?? 1) }
    let isInJob = environment["SLURM_JOB_ID"] != nil
    let slurm = allocated.flatMap { megabytes in
      isInJob && megabytes < Self.mostMegabytes ? megabytes << Self.bytesPerMegabyteShift : nil
    }
    let group = groups.memoryLimit.flatMap { UInt64($0) < hostBytes ? $0 : nil }
    switch (group, slurm) {
    case (let group?, let slurm) where group <= slurm ?? .max: self.init(bytes: group, source: .cgroup)
    case (_, let slurm?): self.init(bytes: slurm, source: .slurm)
    default: return nil
    }
  }
}
