extension ExecutionSummary {
  /// Adds a report that is missing in the last info.json of a killed duct.
  ///
  /// - Parameters:
  ///   - totals: those of the report.
  ///   - averages: those of the report.
  ///   - samples: samples from the start of the run to the end of this report. Some samples of this report may be
  ///     counted already.
  public mutating func add(_ totals: UsageTotals, _ averages: UsageAverages, upToSample samples: Int) {
    // A sum of 0 means that only zombies were seen, and they have no memory.
    if totals.rss > 0 {
      peakRSS = larger(peakRSS, totals.rss)
      peakVSZ = larger(peakVSZ, totals.vsz)
      peakPmem = larger(peakPmem, totals.pmem)
    }
    peakPcpu = larger(peakPcpu, totals.pcpu)
    peakPSS = larger(peakPSS, totals.pss)
    peakSwap = larger(peakSwap, totals.swap)
    peakPmemLimit = larger(peakPmemLimit, totals.limitPercent)
    let new = samples - sampleCount
    guard new > 0 else { return }
    sampleCount = samples
    // Of the samples that are not counted yet, only the mean of their report is known.
    let weight = Double(new) / Double(samples)
    func mean(_ before: Double?, _ value: Double?) -> Double? {
      guard let before, let value else { return before ?? value }
      return before + (value - before) * weight
    }
    averageRSS = mean(averageRSS, averages.rss)
    averageVSZ = mean(averageVSZ, averages.vsz)
    averagePmem = mean(averagePmem, averages.pmem)
    averagePcpu = mean(averagePcpu, averages.pcpu)
  }
}
