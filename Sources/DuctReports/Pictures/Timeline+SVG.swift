internal import RecordText

/// The timeline as SVG: a bar for each run, and a bar for each job, or bands.
extension Timeline {
  private static let runHeight = 28.0
  private static let bandHeight = 8.0
  private static let bandRows = 40
  private static let bandColumns = 160
  /// The most jobs of which each has its name beside it.
  private static let mostNamed = 40

  private var jobHeight: Double { jobs.count <= Self.mostNamed ? 17 : jobs.count <= 100 ? 8 : 5 }

  var svg: String {
    let runsEnd = Double(runs.count) * Self.runHeight
    let bands =
      showsBars ? [] : TimelineBands(jobs, axis, rows: Self.bandRows, columns: Self.bandColumns).bands
    let jobsHeight = showsBars ? Double(jobs.count) * jobHeight : Double(bands.count) * Self.bandHeight
    let bottom = runsEnd + jobsHeight + 4
    return SVGText.picture(self, height: bottom + 22) { svg in
      svg.axis(axis, bottom: bottom)
      for (row, run) in runs.enumerated() { draw(run, y: Double(row) * Self.runHeight, &svg) }
      if showsBars {
        for (row, job) in jobs.enumerated() { draw(job, y: runsEnd + Double(row) * jobHeight, &svg) }
      } else {
        draw(bands, y: runsEnd, height: jobsHeight, &svg)
      }
    }
  }

  var legend: [(style: String, word: String)] {
    let run = runs.isEmpty ? [] : [(style: "run", word: "run of duct")]
    if showsBars {
      // A job that has ended also has waited.
      var shown = Set(counts.keys)
      if jobs.contains(where: { $0.waiting != nil }) { shown.insert(.waiting) }
      return run + JobOutcome.allCases.filter(shown.contains).map { (style: "s-\($0.name)", word: $0.word) }
    }
    return run + [
      ("s-waiting", "jobs waiting"), ("density-1", "few running"), ("density-4", "many running"),
      ("s-failures", "failures, as a share of what ended"),
    ]
  }

  private func draw(_ run: RunSpan, y: Double, _ svg: inout SVGText) {
    let from = axis.place(run.time.lowerBound)
    let label = run.label.shortened(to: 60)
    svg.label(label, x: from < 0.6 ? from : 1, y: y + 12, from < 0.6 ? .start : .end)
    let length = lengthWords(run.time.upperBound - run.time.lowerBound)
    let end = run.hasFailed == true ? ", did not end with exit code 0" : ""
    svg.bar(
      "run", from: from, to: axis.place(run.time.upperBound), y: y + 16, height: 7,
      tip: "run of duct: \(label), \(length)\(end)")
  }

  private func draw(_ job: JobSpan, y: Double, _ svg: inout SVGText) {
    let height = jobHeight - (jobHeight > 6 ? 2 : 1)
    let tip = tip(job)
    if let waiting = job.waiting {
      svg.bar(
        "s-waiting", from: axis.place(waiting.lowerBound), to: axis.place(waiting.upperBound),
        y: y + height / 3,
        height: height / 3, tip: tip)
    }
    let style = "s-\(job.outcome.name)"
    if let running = job.running {
      svg.bar(
        style, from: axis.place(running.lowerBound), to: axis.place(running.upperBound), y: y, height: height,
        tip: tip)
    } else if job.outcome != .waiting, let last = job.last {
      // It ended without having run.
      svg.bar(style, from: axis.place(last) - 0.004, to: axis.place(last), y: y, height: height, tip: tip)
    }
    guard jobs.count <= Self.mostNamed, let first = job.first, let last = job.last else { return }
    let label = [job.id, job.name].compactMap { $0 }.joined(separator: " ").shortened(to: 24)
    let (from, to) = (axis.place(first), axis.place(last))
    if to < 0.7 {
      svg.label(label, x: to, dx: 4, y: y + 12)
    } else if from > 0.3 {
      svg.label(label, x: from, dx: -4, y: y + 12, .end)
    } else {
      svg.label(label, x: from, dx: 4, y: y + 12, style: "label on-bar")
    }
  }

  /// `118_3 (prep): failed, waited 2 min, ran 7 min`.
  private func tip(_ job: JobSpan) -> String {
    func length(_ time: ClosedRange<Double>) -> String { lengthWords(time.upperBound - time.lowerBound) }
    let facts = [
      job.outcome.word, waited(job), job.running.map { "ran \(length($0))" },
      job.count > 1 ? "stands for \(number(job.count, "task"))" : nil,
    ]
    return job.id + (job.name.map { " (\($0.shortened(to: 60)))" } ?? "") + ": "
      + facts.compactMap { $0 }.joined(separator: ", ")
  }

  /// The bar begins with the submission. Tables have the time since the job could start, so both are named if they differ.
  private func waited(_ job: JobSpan) -> String? {
    guard let waiting = job.waiting else { return nil }
    let all = waiting.upperBound - waiting.lowerBound
    // slurmctld may note the two times a second apart.
    guard job.running != nil, let wait = job.waitSeconds.map(Double.init), all - wait > 1 else {
      return "waited \(lengthWords(all))"
    }
    return "waited \(lengthWords(wait)), submitted \(lengthWords(all)) before its start"
  }

  /// A path for each density, and one for the failures, which are drawn last.
  private func draw(_ bands: [TimelineBands.Band], y: Double, height: Double, _ svg: inout SVGText) {
    var paths: [(style: String, data: String)] = [
      ("s-waiting", ""), ("density-1", ""), ("density-2", ""), ("density-3", ""), ("density-4", ""),
      ("s-failures", ""),
    ]
    for (row, band) in bands.enumerated() {
      // Tenths of a band: it has nine, and the last one is the gap to the next band.
      let most = Double(max(band.mostRunning, 1))
      let levels = band.cells.map { cell -> Int in
        if cell.running > 0 { return min(Int(saturating: Double(cell.running) / most * 4), 3) + 1 }
        return cell.waiting > 0 ? 0 : -1
      }
      Self.eachStretch(levels) { columns, level in
        if level == 0 {
          paths[0].data += Self.box(columns, y: row * 10 + 3, height: 3)
        } else if level > 0 {
          paths[level].data += Self.box(columns, y: row * 10, height: 9)
        }
      }
      let failures = band.cells.map { $0.failed > 0 ? Int(($0.failedShare * 6).rounded()) + 3 : -1 }
      Self.eachStretch(failures) { columns, height in
        if height > 0 { paths[5].data += Self.box(columns, y: row * 10 + 9 - height, height: height) }
      }
    }
    svg.stretched(paths, columns: Self.bandColumns, rows: bands.count * 10, y: y, height: height)
  }

  private static func box(_ columns: Range<Int>, y: Int, height: Int) -> String {
    "M\(columns.lowerBound) \(y)h\(columns.count)v\(height)h-\(columns.count)z"
  }

  /// Calls `body` for each stretch of equal values.
  private static func eachStretch(_ values: [Int], _ body: (Range<Int>, Int) -> Void) {
    var start = 0
    for index in values.indices where index + 1 == values.count || values[index + 1] != values[index] {
      body(start..<index + 1, values[index])
      start = index + 1
    }
  }
}
