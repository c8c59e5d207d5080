internal import RecordText

/// A table in columns, for terminals and for Markdown.
public struct TextTable: Sendable {
  public enum Alignment: Sendable { case left, right }

  var columns: [(title: String, alignment: Alignment)]
  var rows: [[String]] = []

  public init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  public mutating func add(_ cells: [String]) {
    rows.append(cells.map { $0.forDisplay })
  }

  public var isEmpty: Bool { rows.isEmpty }

  /// Columns two spaces apart, a line a row.
  public var text: String {
    let all = [columns.map(\.title)] + rows
    let widths = columns.indices.map { column in
      all.map { row in row.indices.contains(column) ? row[column].displayWidth : 0 }.max() ?? 0
    }
    return all.map { row in
      var line = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.displayWidth)
        return columns[column].alignment == .left ? cell + space : space + cell
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  public var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }
    return line(columns.map(\.title)) + line(columns.map { $0.alignment == .left ? "---" : "---:" })
      + rows.map(line).joined()
  }
}

extension String {
  /// Columns on a terminal: wide characters of East Asian scripts and emoji take two, marks none.
  var displayWidth: Int {
    unicodeScalars.reduce(0) { width, scalar in
      switch scalar.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format: return width
      default: break
      }
      let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0x1F300...0x1FAFF, 0x20000...0x3FFFD,
      ]
      return width + (wide.contains { $0.contains(scalar.value) } ? 2 : 1)
    }
  }

  /// At most so many characters, with a mark where something was cut off.
  func shortened(to count: Int) -> String {
    self.count <= count ? self : self.prefix(max(count - 1, 0)) + "…"
  }
}
