internal import RecordText
internal import SlurmJobs

/// `#SBATCH --time=…`: how long jobs of a group need.
struct TimeAdvice {
  private let group: AdvisedGroup
  /// Jobs that reached their limit, with that limit.
  private let late: UsualValues?
  private let isForFew: Bool

  init(group: AdvisedGroup) {
    self.group = group
    late = group.values { $0.cause == .timeLimit ? $0.timeLimitSeconds.map(Double.init) : nil }
    isForFew = group.isFew(late)
  }

  /// If only a few need more, the others may still need less.
  var advice: [ReportAdvice] {
    guard let more else { return [less].compactMap { $0 } }
    return isForFew ? [more, less].compactMap { $0 } : [more]
  }

  private var more: ReportAdvice? {
    guard let late, late.largest > 0 else { return nil }
    let option = TimeOption(atLeast: late.largest * Threshold.moreTime)
    return group.advice(
      .time, figures: group.words(late, "reached the limit of \(shortDuration(late.largest))"),
      effect:
        "twice the time\(isForFew ? " for those alone, submitted again" : ""); how long they need is not known",
      line: option.line)
  }

  /// Jobs that ended well long before their limit.
  private var less: ReportAdvice? {
    let elapsed = group.typicalValues { $0.elapsedSeconds.map(Double.init) }
    let limit = group.typicalValues { $0.timeLimitSeconds.map(Double.init) }
    guard let elapsed, let limit, limit.median > Threshold.shortLimit else { return nil }
    let option = TimeOption(atLeast: elapsed.largest * (1 + Threshold.margin))
    guard option.seconds <= limit.median * (1 - Threshold.timeSaved) else { return nil }
    var figures =
      "ran for \(shortDuration(elapsed.median)) (median), \(shortDuration(elapsed.largest)) at most, of \(shortDuration(limit.median)) asked for"
    if !elapsed.outliers.isEmpty {
      figures +=
        "; without \(group.names(elapsed.outliers, shortDuration)), which took much longer: submit those apart"
    }
    let wait = group.values { $0.waitSeconds.map(Double.init) }
    let waited = wait.map { "; they waited for \(shortDuration($0.median)) (median)" } ?? ""
    return group.advice(
      .time, figures: figures,
      effect: "Slurm can start them in gaps between larger jobs, and before a maintenance\(waited)",
      line: option.line)
  }
}

/// A time limit as sbatch takes it, rounded up to what a person would write.
struct TimeOption {
  let seconds: Double

  init(atLeast least: Double) {
    let (minute, hour) = (60.0, 3600.0)
    let step = least <= hour ? 5 * minute : least <= 12 * hour ? 15 * minute : hour
    seconds = min(max((least / step).rounded(.up), 1) * step, 0x1p40)
  }

  var line: String {
    let text = shortDuration(seconds)
    // sbatch takes `05:00` for five minutes, but people read it as five hours.
    return "#SBATCH --time=" + (text.count == 5 ? "00:\(text)" : text)
  }
}
