internal import RecordText
internal import SlurmJobs

/// Tasks of an array that took much longer than the others, or much more memory.
struct OutlierAdvice {
  let group: AdvisedGroup

  var advice: [ReportAdvice] {
    let elapsed = group.values { $0.elapsedSeconds.map(Double.init) }
    let used = group.values { $0.memoryUsedBytes.map(Double.init) }
    return [
      advice(elapsed, "ran much longer than the others", "time limit") { shortDuration($0) },
      advice(used, "used much more memory than the others", "request") { memory($0) },
    ].compactMap { $0 }
  }

  private func advice(
    _ values: UsualValues?, _ what: String, _ request: String, _ text: (Double) -> String
  ) -> ReportAdvice? {
    guard let values else { return nil }
    let outliers = values.outliers.filter { $0.value >= values.median * Threshold.outlierFactor }
    guard !outliers.isEmpty else { return nil }
    let tasks = outliers.count == 1 ? "task" : "tasks"
    return group.advice(
      .outliers,
      figures:
        "\(outliers.count.grouped) \(tasks) \(what) (median \(text(values.median))): \(group.names(outliers, text))",
      effect:
        "look at what is different about them; submitted apart with a larger \(request), they let the others ask for less",
      line: nil)
  }
}
