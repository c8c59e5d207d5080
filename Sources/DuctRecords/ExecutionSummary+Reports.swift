extension ExecutionSummary {
  /// Adds a report that the last info.json of a killed duct had not heard of.
  ///
  /// - Parameter looks: how many there had been by the end of the report. Some of its looks may be counted
  ///   already.
  public mutating func add(_ report: UsageReport, upTo looks: Int) {
    let totals = report.totals
    // Zombies have no memory to tell of.
    if totals.rss > 0 {
      peakRSS = larger(peakRSS, totals.rss)
      peakVSZ = larger(peakVSZ, totals.vsz)
      peakPmem = larger(peakPmem, totals.pmem)
    }
    peakPcpu = larger(peakPcpu, totals.pcpu)
    peakPSS = larger(peakPSS, totals.pss)
    peakSwap = larger(peakSwap, totals.swap)
    peakPmemLimit = larger(peakPmemLimit, totals.limitPercent)
    let new = looks - sampleCount
    guard new > 0 else { return }
    sampleCount = looks
    // Of the looks that are new nothing is known but the mean of their report.
    let weight = Double(new) / Double(looks)
    func mean(_ before: Double?, _ value: Double?) -> Double? {
      guard let before, let value else { return before ?? value }
      return before + (value - before) * weight
    }
    averageRSS = mean(averageRSS, report.averages.rss)
    averageVSZ = mean(averageVSZ, report.averages.vsz)
    averagePmem = mean(averagePmem, report.averages.pmem)
    averagePcpu = mean(averagePcpu, report.averages.pcpu)
  }
}
