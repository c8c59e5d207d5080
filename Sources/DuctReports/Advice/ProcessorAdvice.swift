internal import RecordText
internal import SlurmJobs

/// `#SBATCH --ntasks=1 --cpus-per-task=…`: how many CPUs jobs on one node keep busy.
///
/// Slurm allocates the product of both, and accounting tells the product alone. So the line has both: with `--ntasks=8` in
/// the script, `--cpus-per-task=2` alone would ask for 16 CPUs. `--ntasks` also wins over `--ntasks-per-node`.
struct ProcessorAdvice {
  let group: AdvisedGroup

  var advice: [ReportAdvice] { less.map { [$0] } ?? [] }

  private func isMeasured(_ row: JobRow) -> Bool {
    row.state == .completed && (row.nodeCount ?? 1) == 1 && row.cpuUse != nil
      && Double(row.elapsedSeconds ?? 0) >= Threshold.longEnough
  }

  private var less: ReportAdvice? {
    let use = group.values { isMeasured($0) ? $0.cpuUse : nil }
    let busy = group.values { row in
      isMeasured(row) ? row.cpuUse.flatMap { use in row.cpus.map { use * Double($0) } } : nil
    }
    // Slurm may allocate more than a job asks for: whole cores, whole nodes. Only what is asked for can be changed.
    let asked = group.values { isMeasured($0) ? ($0.cpusAsked ?? $0.cpus).map(Double.init) : nil }
    guard let use, let busy, let asked, use.third <= Threshold.cpuUse else { return nil }
    let cpus = max(busy.largest.rounded(.up), 1)
    guard cpus <= asked.median * Threshold.cpuUse, cpus < 0x1p31 else { return nil }
    let idle = group.rows.reduce(0.0) { sum, row in
      sum + max((row.cpuSecondsAllocated ?? 0) - (row.cpuSeconds ?? row.cpuSecondsAllocated ?? 0), 0)
    }
    let count = Int(saturating: cpus)
    let tasks =
      count > 1
      ? "; if srun or MPI starts tasks in it, they need --nodes=1 --ntasks=\(count) in place of this line"
      : ""
    return group.advice(
      .cpus,
      figures:
        "\(fixed(busy.median, decimals: 1)) CPUs busy on average (median), \(fixed(busy.largest, decimals: 1)) at most, of \(Int(saturating: asked.median)) asked for",
      effect:
        "\(hours(idle / 3600)) of CPU were allocated and idle; try it with one job, because it could be slower where it has phases with more, and --mem-per-cpu then gives it less memory\(tasks)",
      line: "#SBATCH --ntasks=1 --cpus-per-task=\(count)")
  }
}
