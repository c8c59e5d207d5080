internal import RecordText

/// What a run of duct used itself, over time: the CPU and memory of the orchestrator.
struct UsageCurve: Picture {
  let name: String
  let title: String
  let axis: TimeAxis
  /// For each column the largest value: per cent of one core, and bytes.
  let cpuPercent: [Double?]
  let memory: [Double?]
  private let note: String?

  /// Nil if there are no samples.
  ///
  /// - Parameter started: seconds since 1970 when the run began; nil: with the first sample.
  init?(
    name: String, of run: String, _ usage: UsageSamples, started: Double?, columns: Int = QueueCurve.columns
  ) {
    guard let first = usage.samples.first, let last = usage.samples.last,
      let axis = TimeAxis([min(JobSpan.known(started) ?? first.time, first.time)...last.time])
    else { return nil }
    self.name = name
    title = "CPU and memory of \(run) itself"
    self.axis = axis
    note = usage.problem
    var (cpu, memory) = ([Double?](repeating: nil, count: columns), [Double?](repeating: nil, count: columns))
    var from = 0
    for sample in usage.samples {
      // A sample is about the time since the one before it.
      let to = axis.column(sample.time, of: columns)
      for column in from...max(from, to) {
        if let value = sample.cpuPercent { cpu[column] = max(cpu[column] ?? 0, value) }
        if let value = sample.memory { memory[column] = max(memory[column] ?? 0, value) }
      }
      from = to
    }
    (cpuPercent, self.memory) = (cpu, memory)
  }

  var panels: [CurvePanel] {
    [
      CurvePanel("CPU, in per cent of one core", cpuPercent, style: "cpu") {
        fixed($0, decimals: $0 < 9.95 ? 1 : 0) + " %"
      },
      CurvePanel("resident memory", memory, style: "rss", text: humanSize),
    ]
  }

  var words: [String] {
    let panels = panels
    var words: [String] = []
    // Every process has some memory: 0 means that no sample saw one alive.
    for (panel, (what, canBeNone)) in zip(panels, [("of one core", true), ("of resident memory", false)])
    where canBeNone || panel.largest > 0 {
      guard let column = panel.values.firstIndex(of: panel.largest) else { continue }
      let time = axis.moment(axis.time(ofColumn: column, of: panel.values.count))
      words.append("At most \(panel.top) \(what), first at about \(time).")
    }
    if let note { words.append(note + ".") }
    return words
  }
}
