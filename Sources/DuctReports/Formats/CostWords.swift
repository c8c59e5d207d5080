internal import RecordText

/// What the jobs cost, in words: one fact a line.
struct CostWords {
  private let totals: ReportTotals

  init(_ totals: ReportTotals) { self.totals = totals }

  var lines: [String] {
    var lines: [String] = []
    if let elapsed = totals.elapsedHours { lines.append("elapsed: \(hours(elapsed)) in all") }
    if let wait = totals.waitHours { lines.append("wait from eligible to start: \(hours(wait)) in all") }
    if let allocated = totals.cpuHoursAllocated {
      lines.append("CPU: \(hours(allocated)) allocated, " + cpu)
    }
    if let asked = totals.memoryHoursAsked {
      lines.append("memory: \(gibibyteHours(asked)) asked for, " + memoryUse)
    }
    if let gpus = totals.gpuHoursAllocated {
      lines.append("GPU: \(hours(gpus)) allocated; accounting does not tell how much of it was used")
    }
    if let billing = totals.billingHours {
      lines.append("billed: \(significant(billing)) unit·h")
    }
    if let energy = totals.energyJoules {
      lines.append("energy: \(significant(energy / 3.6e6)) kWh")
    }
    if let read = totals.readBytes, let written = totals.writtenBytes {
      lines.append("input and output: \(humanSize(read)) read, \(humanSize(written)) written")
    }
    return lines + losses
  }

  private var cpu: String {
    guard let used = totals.cpuHoursUsed, let of = totals.cpuHoursAllocatedOfMeasured, of > 0 else {
      return "how much of it was used is not known"
    }
    return "\(hours(used)) used: \(percent(used / of)) of the \(hours(of))\(self.of(totals.jobsWithCPU))"
  }

  private var memoryUse: String {
    guard let used = totals.memoryHoursUsed, let of = totals.memoryHoursAskedOfMeasured, of > 0 else {
      return "how much of it was used was not sampled"
    }
    let share = "\(percent(used / of)) of the \(gibibyteHours(of))\(self.of(totals.jobsWithMemory))"
    let most = used < Self.least ? "next to nothing" : "at most \(gibibyteHours(used))"
    return "\(most) used: \(share)"
  }

  /// GiB·h; less is shown as 0.
  private static let least = 1e-6

  private func of(_ jobs: Int) -> String { " of the \(number(jobs, "measured job"))" }

  private func gibibyteHours(_ value: Double) -> String { "\(significant(value)) GiB·h" }

  private var losses: [String] {
    let losses = [
      ("failures", totals.hoursLostToFailures, totals.cpuHoursLostToFailures),
      ("requeues", totals.hoursLostToRequeues, totals.cpuHoursLostToRequeues),
    ]
    return losses.compactMap { name, elapsed, cpu in
      guard let elapsed else { return nil }
      return "lost to \(name): \(hours(elapsed))" + (cpu.map { ", \(hours($0)) of CPU" } ?? "")
    }
  }
}
