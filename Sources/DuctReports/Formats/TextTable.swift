internal import RecordText

/// A table with columns, for terminals and for Markdown.
public struct TextTable: Sendable {
  public enum Alignment: Sendable { case left, right }

  var columns: [(title: String, alignment: Alignment)]
  var rows: [[String]] = []

  public init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  /// Columns of a terminal. A path fits. Each row is as wide as the widest, so a record with a word of a megabyte would
  /// make all of them so.
  private static let widest = 4096

  public mutating func add(_ cells: [String]) {
    rows.append(
      cells.map { text in
        let cell = text.forDisplay
        return cell.utf8.count > Self.widest ? cell.cut(toWidth: Self.widest) : cell
      })
  }

  var isEmpty: Bool { rows.isEmpty }

  public var text: String { text(width: nil) }

  /// Columns of its widest row.
  var width: Int { widths.reduce(0, +) + 2 * max(columns.count - 1, 0) }

  private var widths: [Int] {
    let all = [columns.map(\.title)] + rows
    return columns.indices.map { column in
      all.map { row in row.indices.contains(column) ? row[column].displayWidth : 0 }.max() ?? 0
    }
  }

  /// The table as text: one line per row, with two spaces between columns.
  ///
  /// - Parameter width: columns of the terminal. If the table is wider, its widest columns are cut, except for
  ///   the first one, which names the row. Nil: any width.
  func text(width: Int?) -> String {
    let all = [columns.map(\.title)] + rows
    var widths = widths
    if let width { Self.fit(&widths, into: width) }
    return all.map { row in
      var line = row.enumerated().map { column, cell in
        let cell = cell.cut(toWidth: widths[column])
        let space = String(repeating: " ", count: widths[column] - cell.displayWidth)
        return columns[column].alignment == .left ? cell + space : space + cell
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  /// Narrows the widest column repeatedly, but none to less than `narrowest`, where cells would become
  /// unreadable.
  private static func fit(_ widths: inout [Int], into width: Int) {
    var excess = widths.reduce(0, +) + 2 * (widths.count - 1) - width
    while excess > 0,
      let widest = widths.indices.dropFirst().max(by: { widths[$0] < widths[$1] }),
      widths[widest] > narrowest
    {
      widths[widest] -= 1
      excess -= 1
    }
  }
  private static let narrowest = 12

  var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map(\.markdownEscaped).joined(separator: " | ") + " |\n"
    }
    return line(columns.map(\.title)) + line(columns.map { $0.alignment == .left ? "---" : "---:" })
      + rows.map(line).joined()
  }
}

extension String {
  /// The number of columns on a terminal. Wide East Asian characters and emoji take two, combining marks none.
  var displayWidth: Int {
    if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return utf8.count }
    return unicodeScalars.reduce(0) { $0 + $1.displayWidth }
  }

  /// The text, cut to at most `width` columns of a terminal. `…` stands for the part that was cut off.
  ///
  /// The text can have megabytes, of which no more is looked at than is shown.
  func cut(toWidth width: Int) -> String {
    if utf8.count <= width { return self }
    var (columns, end) = (0, startIndex)
    for index in indices {
      columns += self[index].unicodeScalars.reduce(0) { $0 + $1.displayWidth }
      if columns > width { return self[..<end] + "…" }
      // `…` takes a column.
      if columns < width { end = self.index(after: index) }
    }
    return self
  }

  /// The text, cut to at most `count` characters. `…` stands for the part that was cut off.
  func shortened(to count: Int) -> String {
    if utf8.count <= count { return self }
    guard let end = index(startIndex, offsetBy: max(count, 0), limitedBy: endIndex), end < endIndex else {
      return self
    }
    return self.prefix(max(count - 1, 0)) + "…"
  }
}

extension Unicode.Scalar {
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
    0x1F300...0x1FAFF, 0x20000...0x3FFFD,
  ]

  /// The number of columns on a terminal.
  fileprivate var displayWidth: Int {
    if isASCII { return 1 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return Self.wide.contains { $0.contains(value) } ? 2 : 1
    }
  }
}
