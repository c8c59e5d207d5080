internal import RecordText

/// Curves as SVG: panels one below the other, with a common axis.
extension SVGText {
  private static let panelHeight = 64.0
  private static let titleHeight = 18.0

  static func curves(_ picture: some Picture, _ panels: [CurvePanel], _ axis: TimeAxis) -> String {
    let step = titleHeight + panelHeight + 8
    let bottom = Double(panels.count) * step
    return Self.picture(picture, height: bottom + 22) { svg in
      svg.axis(axis, bottom: bottom)
      for (index, panel) in panels.enumerated() {
        let top = Double(index) * step
        svg.label("\(panel.title): at most \(panel.top)", x: 0, y: top + 13, style: "label halo")
        svg.horizontalLine(y: top + titleHeight)
        svg.horizontalLine(y: top + titleHeight + panelHeight)
        svg.stretched(
          [("curve-\(panel.style)", path(panel))], columns: panel.values.count, rows: 100,
          y: top + titleHeight,
          height: panelHeight)
      }
    }
  }

  /// The area below a step function. Where the value is not known, there is none.
  private static func path(_ panel: CurvePanel) -> String {
    var path = ""
    var before: Int?
    for (column, height) in panel.heights.enumerated() {
      // What is more than nothing is visible.
      let y = height.map { $0 > 0 ? min(100 - Int(($0 * 100).rounded()), 98) : 100 }
      if y == before { continue }
      if before != nil { path += "H\(column)" }
      switch (before, y) {
      case (nil, .some(let y)): path += "M\(column) 100V\(y)"
      case (.some, .some(let y)): path += "V\(y)"
      case (.some, nil): path += "V100z"
      case (nil, nil): break
      }
      before = y
    }
    return before == nil ? path : path + "H\(panel.values.count)V100z"
  }
}

extension QueueCurve {
  var svg: String { SVGText.curves(self, panels, axis) }
}

extension UsageCurve {
  var svg: String { SVGText.curves(self, panels, axis) }
}

extension ShareDistribution {
  private static let height = 100.0

  /// A bar for each step, with its number of jobs above it.
  var svg: String {
    let most = Double(counts.max() ?? 0)
    let bottom = Self.height + 18
    return SVGText.picture(self, height: bottom + 22) { svg in
      svg.horizontalLine(y: bottom)
      for (step, count) in counts.enumerated() {
        // The last step is apart from the others.
        let isOver = step == Self.steps
        let from = (Double(step) + (isOver ? 0.5 : 0)) / (Double(Self.steps) + 1.5)
        let to = from + 0.9 / (Double(Self.steps) + 1.5)
        let height = most > 0 ? Double(count) / most * Self.height : 0
        if count > 0 {
          svg.bar(
            isOver ? "share-over" : "share", from: from, to: to, y: bottom - max(height, 2),
            height: max(height, 2),
            tip: "\(Self.label(step)): \(number(count, "job"))")
          svg.label(Self.short(count), x: (from + to) / 2, y: bottom - max(height, 2) - 4, .middle)
        }
        if isOver {
          svg.label("more", x: (from + to) / 2, y: bottom + 17, .middle)
        } else if step % 5 == 0 {
          svg.label("\(step * 10) %", x: from, y: bottom + 17)
        }
      }
      svg.label("100 %", x: Double(Self.steps) / (Double(Self.steps) + 1.5), y: bottom + 17, .end)
    }
  }

  /// `950`, `1.2k`, `31k`, `5M`: there is little room above a bar.
  static func short(_ count: Int) -> String {
    let value = Double(count)
    if value < 1000 { return "\(count)" }
    if value < 9950 { return fixed(value / 1000, decimals: 1) + "k" }
    return value < 999_500 ? fixed(value / 1000, decimals: 0) + "k" : fixed(value / 1e6, decimals: 0) + "M"
  }
}
