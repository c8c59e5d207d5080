internal import RecordText

/// The distribution of a value over jobs. Half of the jobs lie between the first and the third quartile.
struct Quartiles: WrittenRecord, Equatable {
  /// How many jobs have the value.
  var count: Int
  var least: Double
  var first: Double
  var median: Double
  var third: Double
  var largest: Double

  /// Nil if there are no values. A value between two others is interpolated, as by numpy.quantile.
  init?(_ values: [Double]) {
    self.init(sorted: values.filter(\.isFinite).sorted())
  }

  init?(sorted values: [Double]) {
    guard let least = values.first, let largest = values.last else { return nil }
    count = values.count
    (self.least, self.largest) = (least, largest)
    first = Self.quantile(0.25, ofSorted: values)
    median = Self.quantile(0.5, ofSorted: values)
    third = Self.quantile(0.75, ofSorted: values)
  }

  mutating func list(_ members: inout RecordMembers) {
    members("known", &count)
    members("min", &least)
    members("q1", &first)
    members("median", &median)
    members("q3", &third)
    members("max", &largest)
  }

  /// The value below which a share of the values lies; 0 if there are none.
  static func quantile(_ share: Double, ofSorted values: [Double]) -> Double {
    guard let last = values.indices.last else { return 0 }
    let place = share * Double(last)
    let below = min(max(Int(place), 0), last)
    let above = min(below + 1, last)
    return values[below] + (values[above] - values[below]) * (place - Double(below))
  }
}
