internal import DuctRecords
internal import RecordText

/// A run within an allocation that held CPUs while it waited for its jobs. On a login node, waiting costs nothing.
struct OrchestratorAdvice {
  let run: RecordedRun
  let summary: ReportRun

  var advice: [ReportAdvice] {
    guard summary.jobs > 0, let environment = run.info["env"], let id = environment["SLURM_JOB_ID"]?.string,
      let wall = summary.wallClockTime, wall >= Threshold.longWait, let cpu = summary.cpuSeconds,
      cpu <= wall * Threshold.orchestratorUse
    else { return [] }
    let cpus = environment["SLURM_CPUS_ON_NODE"]?.string.flatMap { Int($0) }
    let held = cpus.map { ", and held \(number($0, "CPU")) of job \(id) for it" } ?? ", within job \(id)"
    let memory = summary.peakRSSBytes.map { MemoryOption(atLeast: Double($0) * (1 + Threshold.margin)).line }
    let option = memory.map { " " + $0.dropFirst("#SBATCH ".count) } ?? ""
    return [
      ReportAdvice(
        rule: .orchestrator, group: "the command of run \(summary.prefix)",
        figures: "it used \(shortDuration(cpu)) of CPU in \(shortDuration(wall))\(held)",
        effect:
          "it mostly waited: jobs that depend on each other (--dependency) need nothing that waits, and a command that does needs one CPU and little memory",
        line: "#SBATCH --ntasks=1 --cpus-per-task=1\(option)")
    ]
  }
}
