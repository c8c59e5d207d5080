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
    var values = values.filter(\.isFinite)
    guard let least = values.min(), let largest = values.max() else { return nil }
    count = values.count
    (self.least, self.largest) = (least, largest)
    // Only these places are put in order: a report of 100,000 jobs has 20 times as many values in its groups.
    (first, median, third) = values.withUnsafeMutableBufferPointer { values in
      var start = 0
      for place in [0.25, 0.5, 0.75].flatMap({ Self.places($0, values.count) }) {
        values.select(place, from: start)
        start = place
      }
      return (
        Self.quantile(0.25, ofSorted: values), Self.quantile(0.5, ofSorted: values),
        Self.quantile(0.75, ofSorted: values)
      )
    }
  }

  mutating func list(_ members: inout RecordMembers) {
    members("known", &count)
    members("min", &least)
    members("q1", &first)
    members("median", &median)
    members("q3", &third)
    members("max", &largest)
  }

  /// The value below which a share of the values lies; 0 if there are none. Only the values at `places` need be where
  /// they are in a sorted list.
  static func quantile<Values: RandomAccessCollection>(_ share: Double, ofSorted values: Values) -> Double
  where Values.Element == Double, Values.Index == Int {
    if values.isEmpty { return 0 }
    let places = places(share, values.count)
    let (below, above) = (values[places[0]], values[places[1]])
    return below + (above - below) * (share * Double(values.count - 1) - Double(places[0]))
  }

  /// The places of the values that a quantile is between, of so many values.
  private static func places(_ share: Double, _ count: Int) -> [Int] {
    let below = min(max(Int(share * Double(count - 1)), 0), count - 1)
    return [below, min(below + 1, count - 1)]
  }
}

extension UnsafeMutableBufferPointer<Double> {
  /// Rounds of a selection. More are needed only of values that were arranged against it.
  private static var mostRounds: Int { 100 }

  /// Moves the value there that a sorted list has at `place`: no value before it is larger, and none behind it smaller.
  ///
  /// - Parameter start: a place that was selected before.
  fileprivate func select(_ place: Int, from start: Int) {
    var (low, high, round) = (start, count - 1, 0)
    while low < high {
      round += 1
      if round > Self.mostRounds {
        var rest = Self(rebasing: self[low...high])
        return rest.sort()
      }
      let (a, b, c) = (self[low], self[(low + high) / 2], self[high])
      let pivot = Swift.max(Swift.min(a, b), Swift.min(Swift.max(a, b), c))
      var (left, right) = (low, high)
      while left <= right {
        while self[left] < pivot { left += 1 }
        while self[right] > pivot { right -= 1 }
        if left > right { break }
        swapAt(left, right)
        (left, right) = (left + 1, right - 1)
      }
      if place <= right { high = right } else if place >= left { low = left } else { return }
    }
  }
}
