/// Many jobs over time as bands: each band is some jobs that began one after another, and each cell of it a part of the
/// time. A cell has counts, so no job hides another: failures stand beside the successes of the same time.
struct TimelineBands: Sendable, Equatable {
  struct Cell: Sendable, Equatable {
    /// Jobs that waited or ran at some moment of the cell's time.
    var waiting = 0
    var running = 0
    /// Jobs that ended in it, and those of them that failed.
    var ended = 0
    var failed = 0

    /// Failures as a share of what ended.
    var failedShare: Double { ended > 0 ? Double(failed) / Double(ended) : 0 }
  }

  struct Band: Sendable, Equatable {
    /// Jobs and array tasks.
    var count = 0
    /// From the left to the right, all of the same length in time.
    var cells: [Cell]

    /// The most jobs that ran in one cell.
    var mostRunning: Int { cells.lazy.map(\.running).max() ?? 0 }
  }

  let bands: [Band]

  /// - Parameter spans: in the order in which they begin; those without any time are not shown.
  init(_ spans: [JobSpan], _ axis: TimeAxis, rows: Int, columns: Int) {
    let rows = max(min(rows, spans.count), 1)
    let columns = max(columns, 1)
    bands = (0..<rows).map { row in
      Self.band(spans[row * spans.count / rows..<(row + 1) * spans.count / rows], axis, columns)
    }
  }

  private static func band(_ spans: ArraySlice<JobSpan>, _ axis: TimeAxis, _ columns: Int) -> Band {
    // Only the changes from cell to cell are noted first: a job may last for all of them.
    var band = Band(cells: [Cell](repeating: Cell(), count: columns + 1))
    func note(_ time: ClosedRange<Double>, _ count: Int, in member: WritableKeyPath<Cell, Int>) {
      band.cells[axis.column(time.lowerBound, of: columns)][keyPath: member] += count
      band.cells[axis.column(time.upperBound, of: columns) + 1][keyPath: member] -= count
    }
    for span in spans {
      band.count += span.count
      if let waiting = span.waiting { note(waiting, span.count, in: \.waiting) }
      if let running = span.running { note(running, span.count, in: \.running) }
      guard let last = span.last, span.outcome != .waiting, span.outcome != .running else { continue }
      let column = axis.column(last, of: columns)
      band.cells[column].ended += span.count
      if span.isFailure { band.cells[column].failed += span.count }
    }
    band.cells.removeLast()
    for column in band.cells.indices.dropFirst() {
      band.cells[column].waiting += band.cells[column - 1].waiting
      band.cells[column].running += band.cells[column - 1].running
    }
    return band
  }
}
