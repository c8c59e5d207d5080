/// Lines at the bottom of a terminal that are drawn again and again. Other lines can be written above them.
struct LiveLines {
  private static let hideCursor = "\u{1B}[?25l"
  private static let showCursor = "\u{1B}[?25h"
  /// The terminal cuts a line that is too long, and does not wrap it.
  private static let cutLines = "\u{1B}[?7l"
  private static let wrapLines = "\u{1B}[?7h"
  private static let eraseBelow = "\r\u{1B}[J"

  /// The lengths of the lines that are on the terminal.
  private var shown: [Int] = []

  /// What to write to draw `lines`, with the cursor hidden, behind `above`, which stays.
  mutating func draw(_ lines: [String], above: [String] = [], width: Int) -> String {
    let text = erase(width: width) + above.map { $0 + "\n" }.joined()
    shown = lines.map(\.count)
    return text + Self.hideCursor + Self.cutLines + lines.joined(separator: "\n") + Self.wrapLines
  }

  /// What to write to leave the terminal as it was, with `lines` in place of the live ones.
  mutating func end(_ lines: [String], width: Int) -> String {
    let isDrawn = !shown.isEmpty
    return erase(width: width) + lines.map { $0 + "\n" }.joined() + (isDrawn ? Self.showCursor : "")
  }

  /// - Parameter width: columns now. In a terminal that has become narrower, a line may have become several.
  private mutating func erase(width: Int) -> String {
    if shown.isEmpty { return "" }
    let rows = shown.reduce(0) { $0 + max(($1 + width - 1) / width, 1) }
    shown = []
    return (rows > 1 ? "\u{1B}[\(rows - 1)A" : "") + Self.eraseBelow
  }
}
