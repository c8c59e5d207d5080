internal import RecordText

/// Lines of block characters, which all pictures have in text.
enum PictureText {
  /// A bar of each height from 0 to 8 eighths. What is more than nothing is visible.
  private static let heights = Array(" ▁▂▃▄▅▆▇█")

  /// A line of a bar chart. Heights are from 0 to 1; a blank stands for what is not known.
  static func bars(_ values: [Double?]) -> String {
    String(values.map { value in block(value ?? 0, row: 0, of: 1) })
  }

  /// A chart of several lines, from the top to the bottom.
  static func bars(_ values: [Double?], rows: Int) -> [String] {
    (0..<rows).reversed().map { row in String(values.map { block($0 ?? 0, row: row, of: rows) }) }
  }

  /// - Parameter row: counted from the bottom.
  private static func block(_ height: Double, row: Int, of rows: Int) -> Character {
    guard height > 0 else { return heights[0] }
    let eighths = max(Int(saturating: (min(height, 1) * Double(rows * 8)).rounded()), 1) - row * 8
    return heights[min(max(eighths, 0), 8)]
  }

  /// The values of `values.count` columns in `count` columns: the largest of those that fall together.
  static func fitted(_ values: [Double?], to count: Int) -> [Double?] {
    (0..<count).map { column in
      let from = column * values.count / count
      return values[from..<max((column + 1) * values.count / count, from + 1)].lazy.compactMap { $0 }.max()
    }
  }

  /// The labels of an axis below `width` columns. A label that would touch another is left out.
  static func axis(_ axis: TimeAxis, width: Int, margin: Int) -> [String] {
    var marks = [Character](repeating: "─", count: width)
    var labels = ""
    for tick in axis.ticks {
      let column = min(Int(saturating: tick.place * Double(width)), width - 1)
      marks[column] = "┬"
      let start = min(column, width - tick.label.count)
      if start < (labels.isEmpty ? 0 : labels.count + 1) { continue }
      labels += String(repeating: " ", count: start - labels.count) + tick.label
    }
    let space = String(repeating: " ", count: margin)
    return [space + String(marks), space + labels]
  }

  /// Panels of curves above a common axis.
  static func lines(_ panels: [CurvePanel], _ axis: TimeAxis, width: Int, rows: Int = 2) -> [String] {
    let margin = (panels.map(\.top.displayWidth).max() ?? 0) + 1
    let columns = max(width - margin, 10)
    var lines: [String] = []
    for panel in panels {
      lines.append(panel.title + ":")
      for (row, line) in bars(fitted(panel.heights, to: columns), rows: rows).enumerated() {
        let label = row == 0 ? panel.top : row == rows - 1 ? "0" : ""
        lines.append(
          (String(repeating: " ", count: margin - 1 - label.displayWidth) + label + " " + line)
            .withoutSpacesAtEnd)
      }
    }
    return lines + self.axis(axis, width: columns, margin: margin)
  }
}

extension String {
  fileprivate var withoutSpacesAtEnd: String {
    String(self[...(lastIndex { $0 != " " } ?? startIndex)])
  }
}

extension CurvePanel {
  /// From 0 at the bottom to 1 at the top; nil where the value is not known.
  var heights: [Double?] { values.indices.map(height) }
}

extension QueueCurve {
  func blocks(width: Int) -> [String] { PictureText.lines(panels, axis, width: width) }
}

extension UsageCurve {
  func blocks(width: Int) -> [String] { PictureText.lines(panels, axis, width: width) }
}

extension ShareDistribution {
  func blocks(width: Int) -> [String] {
    let most = Double(counts.max() ?? 0)
    let heights = counts.map { most > 0 ? Double($0) / most : 0 }
    // Three columns for a step, if there is room.
    let wide = width >= 60 ? 3 : 1
    let bars = PictureText.bars(heights.flatMap { [Double?](repeating: $0, count: wide) })
    let steps = bars.dropLast(wide)
    return ["0 % │\(steps)│ 100 %, above \(bars.suffix(wide))"]
  }
}
