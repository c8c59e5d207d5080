/// A value of several jobs, with the outliers told apart: advice for a group must not come from one odd job.
struct UsualValues {
  /// All values in ascending order, each with the index of its row.
  private let all: [(value: Double, row: Int)]
  private let usual: Int
  let median: Double
  let third: Double

  /// Nil if there are no values.
  init?(_ values: [(value: Double, row: Int)]) {
    let all = values.filter { $0.value.isFinite }.sorted { ($0.value, $0.row) < ($1.value, $1.row) }
    if all.isEmpty { return nil }
    self.all = all
    let sorted = all.map(\.value)
    usual = Self.usual(sorted)
    median = Quartiles.quantile(0.5, ofSorted: sorted)
    third = Quartiles.quantile(0.75, ofSorted: sorted)
  }

  /// How many values are usual.
  private static func usual(_ values: [Double]) -> Int {
    guard values.count >= Threshold.fewestForOutliers else { return values.count }
    let first = Quartiles.quantile(0.25, ofSorted: values)
    let third = Quartiles.quantile(0.75, ofSorted: values)
    let spread = max(third - first, third * Threshold.leastSpread)
    let limit = third + Threshold.outlierDistance * spread
    let usual = values.partitioningIndex { $0 > limit }
    let isFew = Double(values.count - usual) <= Double(values.count) * Threshold.mostOutliers
    return isFew ? usual : values.count
  }

  var count: Int { all.count }
  /// The largest value that is no outlier.
  var largest: Double { all[usual - 1].value }
  /// The largest first.
  var outliers: [(value: Double, row: Int)] { all[usual...].reversed() }
}

extension Array {
  /// The index of the first element for which the condition holds; it must hold for all that follow.
  fileprivate func partitioningIndex(_ isBeyond: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
