internal import OrderedCollections
internal import RecordText

/// Sums over all processes at one look, and peaks of such sums.
struct UsageTotals: Codable, Sendable {
  var pmem: Double
  var pcpu: Double
  var rss: Int
  var vsz: Int
}

/// Means of the totals over several looks. Nil before the first.
struct UsageAverages: Codable, Sendable {
  var rss: Double?
  var vsz: Double?
  var pmem: Double?
  var pcpu: Double?
  var sampleCount = 0

  enum CodingKeys: String, CodingKey {
    case rss, vsz, pmem, pcpu
    case sampleCount = "num_samples"
  }

  mutating func add(_ totals: UsageTotals) {
    sampleCount += 1
    func mean(_ before: Double?, _ value: Double) -> Double {
      guard let before else { return value }
      return before + (value - before) / Double(sampleCount)
    }
    rss = mean(rss, Double(totals.rss))
    vsz = mean(vsz, Double(totals.vsz))
    pmem = mean(pmem, totals.pmem)
    pcpu = mean(pcpu, totals.pcpu)
  }
}

/// One look at all processes of the run.
struct UsageSample: Sendable {
  var timestamp: String
  var processes: OrderedDictionary<Int32, ProcessUsage>
  var totals: UsageTotals

  init(timestamp: String, processes: OrderedDictionary<Int32, ProcessUsage>) {
    self.timestamp = timestamp
    self.processes = processes
    let all = processes.values
    totals = UsageTotals(
      pmem: all.reduce(0) { $0 + $1.pmem }, pcpu: all.reduce(0) { $0 + $1.pcpu },
      rss: all.reduce(0) { $0 + $1.rss }, vsz: all.reduce(0) { $0 + $1.vsz })
  }
}

/// What is known of the whole run.
struct RunUsage: Sendable {
  var peaks: UsageTotals?
  var averages = UsageAverages()
  var reportCount = 0

  mutating func add(_ sample: UsageSample) {
    peaks = peaks.map { peakTotals($0, sample.totals) } ?? sample.totals
    averages.add(sample.totals)
  }
}

/// A line of usage.jsonl: the looks of one report interval.
struct UsageReport: Codable, Sendable {
  var timestamp: String
  var sampleCount: Int
  var processes: OrderedFields<ProcessUsage>
  /// The peaks of the sums: what was there at the same time.
  var totals: UsageTotals
  var averages: UsageAverages

  enum CodingKeys: String, CodingKey {
    case timestamp
    case sampleCount = "num_samples"
    case processes, totals, averages
  }

  init(_ first: UsageSample) {
    timestamp = first.timestamp
    processes = OrderedFields()
    totals = first.totals
    averages = UsageAverages()
    sampleCount = 0
    add(first)
  }

  mutating func add(_ sample: UsageSample) {
    timestamp = max(timestamp, sample.timestamp)
    totals = peakTotals(totals, sample.totals)
    averages.add(sample.totals)
    sampleCount = averages.sampleCount
    for (pid, usage) in sample.processes {
      processes.members["\(pid)", default: usage].addLater(usage)
    }
  }
}

extension ProcessUsage {
  /// As `add`, unless it is the same look.
  fileprivate mutating func addLater(_ later: ProcessUsage) {
    if timestamp != later.timestamp { add(later) }
  }
}

private func peakTotals(_ a: UsageTotals, _ b: UsageTotals) -> UsageTotals {
  UsageTotals(
    pmem: max(a.pmem, b.pmem), pcpu: max(a.pcpu, b.pcpu), rss: max(a.rss, b.rss), vsz: max(a.vsz, b.vsz))
}
