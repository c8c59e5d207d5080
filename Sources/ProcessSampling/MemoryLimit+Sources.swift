internal import DuctRecords

extension MemoryLimit {
  /// The smaller one.
  init?(groups: ControlGroups, environment: [String: String], hostBytes: UInt64) {
    // Whatever stands there, it is no more than can be counted in bytes.
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { (1..<1 << 30).contains($0) ? $0 : nil }
    }
    // In megabytes. A job without its own limit has 0 here.
    var allocated = number("SLURM_MEM_PER_NODE")
    if let share = number("SLURM_MEM_PER_CPU") { allocated = share * (number("SLURM_CPUS_ON_NODE") ?? 1) }
    let isInJob = environment["SLURM_JOB_ID"] != nil
    let slurm = allocated.flatMap { isInJob && $0 < 1 << 42 ? $0 << 20 : nil }
    // A limit beyond what the host has limits nothing.
    let group = groups.memoryLimit.flatMap { UInt64($0) < hostBytes ? $0 : nil }
    switch (group, slurm) {
    case (let group?, let slurm) where group <= slurm ?? .max: self.init(bytes: group, source: .cgroup)
    case (_, let slurm?): self.init(bytes: slurm, source: .slurm)
    default: return nil
    }
  }
}
