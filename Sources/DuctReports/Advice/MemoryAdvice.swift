internal import RecordText
internal import SlurmJobs

/// `#SBATCH --mem=…`: what jobs of a group need, from those of which accounting knows the memory.
struct MemoryAdvice {
  private let group: AdvisedGroup
  /// Jobs that ran out of memory, with what they had.
  private let short: UsualValues?
  private let isForFew: Bool

  init(group: AdvisedGroup) {
    self.group = group
    short = group.values { row in
      row.isOutOfMemory ? Self.perNode(max(row.memoryAskedBytes ?? 0, row.memoryUsedBytes ?? 0), row) : nil
    }
    isForFew = group.isFew(short)
  }

  /// If only a few need more, the others may still need less.
  var advice: [ReportAdvice] {
    guard let more else { return [less].compactMap { $0 } }
    return isForFew ? [more, less].compactMap { $0 } : [more]
  }

  /// `--mem` is for a node. Tasks are taken to be spread evenly.
  private static func perNode(_ bytes: Int64?, _ row: JobRow) -> Double? {
    bytes.map { Double($0) / Double(max(row.nodeCount ?? 1, 1)) }
  }

  private var more: ReportAdvice? {
    guard let short, short.largest > 0 else { return nil }
    let option = MemoryOption(atLeast: short.largest * Threshold.moreMemory)
    let asked = group.values { $0.isOutOfMemory ? Self.perNode($0.memoryAskedBytes, $0) : nil }?.largest ?? 0
    // Without cgroups, Slurm lets a job go beyond its limit for a while.
    let used = short.largest > asked ? " and \(memory(short.largest)) used" : ""
    return group.advice(
      .memory, figures: group.words(short, "ran out of memory, with \(memory(asked)) asked for\(used)"),
      effect:
        "half as much again\(isForFew ? " for those alone, submitted again" : ""); how much they need is not known",
      line: option.line)
  }

  /// Jobs that ended well with much less than they asked for.
  ///
  /// Of one node only: accounting does not tell how the memory of a job was spread over its nodes, and the fullest one
  /// needs more than the average.
  private var less: ReportAdvice? {
    func ofOneNode(_ bytes: Int64?, _ row: JobRow) -> Double? {
      (row.nodeCount ?? 1) > 1 ? nil : bytes.map { Double($0) }
    }
    let used = group.typicalValues { ofOneNode($0.memoryUsedBytes, $0) }
    let asked = group.typicalValues { ofOneNode($0.memoryAskedBytes, $0) }
    guard let used, let asked else { return nil }
    let option = MemoryOption(atLeast: used.largest * (1 + Threshold.margin))
    let saved = asked.median - option.bytes
    guard saved >= asked.median * Threshold.memorySaved, saved >= Threshold.leastMemorySaved else {
      return nil
    }
    var figures =
      "\(memory(used.median)) used (median), \(memory(used.largest)) at most, of \(memory(asked.median)) asked for"
    let missing = asked.count - used.count
    if missing > 0 { figures += "; \(number(missing, "job")) not sampled" }
    if !used.outliers.isEmpty {
      figures +=
        "; without \(group.names(used.outliers) { memory($0) }), which used much more: submit those apart"
    }
    let nodeHours = group.rows.reduce(0.0) {
      $0 + Double($1.elapsedSeconds ?? 0) / 3600 * Double(max($1.nodeCount ?? 1, 1))
    }
    let hoursSaved = nodeHours * saved / Double(1 << 30)
    return group.advice(
      .memory, figures: figures,
      effect:
        "\(memory(saved)) less for each job: \(significant(hoursSaved)) GiB·h free for others, and less to wait for",
      line: option.line)
  }
}

extension JobRow {
  fileprivate var isOutOfMemory: Bool {
    switch cause {
    case .outOfMemory, .probablyOutOfMemory, .stepFailed(.outOfMemory), .stepFailed(.probablyOutOfMemory):
      true
    default: false
    }
  }
}

/// An amount of memory as sbatch takes it, rounded up to what a person would write.
struct MemoryOption {
  /// Mebibytes.
  private let amount: Double

  init(atLeast bytes: Double) {
    let mebibytes = bytes / 1_048_576
    let step: Double = mebibytes <= 1024 ? 64 : mebibytes <= 4096 ? 256 : 1024
    // Not beyond what a 64-bit number of bytes can hold: a record may contain any number.
    amount = min(max((mebibytes / step).rounded(.up), 1) * step, 0x1p40)
  }

  var bytes: Double { amount * 1_048_576 }

  var line: String {
    let mebibytes = Int(saturating: amount)
    return "#SBATCH --mem=" + (mebibytes % 1024 == 0 ? "\(mebibytes / 1024)G" : "\(mebibytes)M")
  }
}
