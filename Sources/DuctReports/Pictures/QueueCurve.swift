internal import RecordText

/// How many jobs and array tasks ran and waited, over time.
struct QueueCurve: Picture {
  let axis: TimeAxis
  /// For each column the most at one moment.
  let running: [Int]
  let waiting: [Int]
  /// Seconds since 1970 when the most ran, and waited, for the first time.
  let mostRunningAt: Double?
  let mostWaitingAt: Double?

  static let columns = 240

  /// Nil if no time of any job is known.
  init?(_ spans: [JobSpan], columns: Int = QueueCurve.columns) {
    guard
      let axis = TimeAxis(spans.lazy.compactMap { span in span.first.map { $0...max($0, span.last ?? $0) } })
    else { return nil }
    self.axis = axis
    (running, mostRunningAt) = Self.most(
      spans.lazy.compactMap { span in span.running.map { ($0, span.count) } }, axis, columns)
    (waiting, mostWaitingAt) = Self.most(
      spans.lazy.compactMap { span in span.waiting.map { ($0, span.count) } }, axis, columns)
  }

  /// The most intervals at one moment, in each column, and when it was most of all.
  ///
  /// An interval without a length counts at its moment. Others do not count at their end: a job that starts when another
  /// ends does not run beside it.
  private static func most(
    _ intervals: some Sequence<(time: ClosedRange<Double>, count: Int)>, _ axis: TimeAxis, _ columns: Int
  ) -> ([Int], Double?) {
    var changes: [(time: Double, order: Int, change: Int)] = []
    for (time, count) in intervals {
      let isMoment = time.lowerBound == time.upperBound
      changes.append((time.lowerBound, 1, count))
      changes.append((time.upperBound, isMoment ? 2 : 0, -count))
    }
    changes.sort { ($0.time, $0.order) < ($1.time, $1.order) }
    var most = [Int](repeating: 0, count: columns)
    var (now, peak, at, column) = (0, 0, Double?.none, 0)
    for change in changes {
      var next = axis.column(change.time, of: columns)
      // What ends at the first moment of a column was not in it.
      if change.order == 0, change.time <= axis.time(ofColumn: next, of: columns) { next -= 1 }
      // What is the case at the end of a column is the case at the start of the next.
      while column < next {
        column += 1
        most[column] = now
      }
      now += change.change
      most[column] = max(most[column], now)
      if now > peak { (peak, at) = (now, change.time) }
    }
    return (most, at)
  }

  let name = "queue"
  let title = "Running and waiting jobs"

  var panels: [CurvePanel] {
    [
      CurvePanel("running", running.map(Double.init), style: "running") { Int(saturating: $0).grouped },
      CurvePanel("waiting", waiting.map(Double.init), style: "waiting") { Int(saturating: $0).grouped },
    ]
  }

  var words: [String] {
    [
      most(running, mostRunningAt, "ran").map { "\($0)." } ?? "No job ran.",
      most(waiting, mostWaitingAt, "waited").map { "\($0)." } ?? "No job waited.",
    ]
  }

  private func most(_ values: [Int], _ time: Double?, _ verb: String) -> String? {
    guard let time, let most = values.max() else { return nil }
    return "At most \(number(most, "job")) \(verb) at once, first at \(axis.moment(time))"
  }
}
