/// The screen on which `PlayedText` plays bytes: the rows that the cursor can still reach, and the lines that
/// have left the screen at its top.
///
/// A program can write numbers of any size into control sequences. Time and memory must not depend on them:
/// they grow with the number of bytes only. Therefore the cursor cannot leave the screen, a sequence cannot
/// move it far to the right, and the blanks that the screen adds for jumps of the cursor are limited in all.
struct TerminalScreen {
  /// The cursor reaches this many rows. Terminals are lower, so a program that counts on one finds its rows.
  static let height = 200
  /// Control sequences move the cursor to the right as far as this column. Text goes farther: the screen has
  /// no right edge, because nothing tells how wide the program thought the terminal was.
  static let farthestColumn = 500

  /// Blanks that also a short text may have.
  static let freeBlanks = 1 << 16

  /// The lines that have left the screen, without line ends.
  private(set) var text: [UInt8] = []
  /// Where each of these lines ends in `text`.
  private(set) var ends: [Int] = []

  /// A ring. Each cell has the UTF-8 bytes of one scalar, the first in its lowest byte; or one byte that is
  /// not UTF-8. NUL is never written, so the bytes end at the first zero.
  private var rows: [[UInt32]] = Array(repeating: [], count: height)
  /// The index of the top row in the ring.
  private var top = 0
  private var rowCount = 1
  /// The row of the cursor, counted from the top.
  private var row = 0
  private var column = 0
  /// How many blanks the screen may still add.
  private var blanksLeft: Int

  /// - Parameter length: the number of bytes that will be played.
  init(forBytes length: Int) {
    blanksLeft = 2 * length + Self.freeBlanks
    text.reserveCapacity(length)
  }

  private var index: Int { (top + row) % Self.height }

  // MARK: Text

  /// Writes printable ASCII.
  mutating func write(_ run: UnsafeBufferPointer<UInt8>) {
    reachCursor()
    let index = index
    let covered = min(rows[index].count - column, run.count)
    if covered > 0 {
      let column = column
      rows[index].withUnsafeMutableBufferPointer { cells in
        for offset in 0..<covered { cells[column + offset] = UInt32(run[offset]) }
      }
    }
    if covered < run.count { rows[index].append(contentsOf: run[covered...].lazy.map { UInt32($0) }) }
    column += run.count
  }

  /// Writes one cell.
  mutating func write(cell: UInt32) {
    reachCursor()
    let index = index
    if column < rows[index].count {
      rows[index][column] = cell
    } else {
      rows[index].append(cell)
    }
    column += 1
  }

  /// Fills the row with blanks up to the cursor. If no blanks are left, one is added and the cursor moves
  /// back.
  private mutating func reachCursor() {
    let index = index
    let missing = column - rows[index].count
    guard missing > 0 else { return }
    let added = min(missing, max(blanksLeft, 1))
    blanksLeft -= added
    rows[index].append(contentsOf: repeatElement(Self.blank, count: added))
    column = rows[index].count
  }

  private static let blank = UInt32(UInt8(ascii: " "))

  // MARK: The cursor

  mutating func carriageReturn() { column = 0 }

  mutating func backspace() { column = max(column - 1, 0) }

  mutating func tab() { column += 8 - column % 8 }

  /// Moves to the start of the next row, which is a new one below the last.
  mutating func lineFeed() {
    column = 0
    if row < rowCount - 1 {
      row += 1
      return
    }
    if rowCount == Self.height {
      keep(top)
      top = (top + 1) % Self.height
    } else {
      rowCount += 1
      row += 1
    }
  }

  mutating func move(rows count: Int) { row = min(max(row + count, 0), rowCount - 1) }

  mutating func move(columns count: Int) {
    let moved = max(column + count, 0)
    column = count > 0 ? max(column, min(moved, Self.farthestColumn)) : moved
  }

  mutating func move(toColumn new: Int) { column = min(max(new, 0), Self.farthestColumn) }

  // MARK: Erasing

  enum ErasedPart: Int { case right, left, all }

  mutating func eraseLine(_ part: ErasedPart) {
    let index = index
    switch part {
    case .right: rows[index].removeLast(max(rows[index].count - column, 0))
    case .left:
      let end = min(column + 1, rows[index].count)
      // A terminal erases one row of the screen, also of a long line.
      let start = max(end - Self.farthestColumn, 0)
      rows[index].withUnsafeMutableBufferPointer { $0[start..<end].update(repeating: Self.blank) }
    case .all: rows[index].removeAll(keepingCapacity: true)
    }
  }

  /// Erases what is right of the cursor and below it.
  mutating func eraseBelow() {
    eraseLine(.right)
    for below in row + 1..<max(rowCount, row + 1) {
      rows[(top + below) % Self.height].removeAll(keepingCapacity: true)
    }
    rowCount = row + 1
  }

  /// Ends the screen: what is on it becomes lines, and an empty screen follows.
  ///
  /// A terminal would erase it, but a person has seen it.
  mutating func clear() {
    let lastUsed = (0..<rowCount).last { !rows[(top + $0) % Self.height].isEmpty }
    for row in 0..<(lastUsed.map { $0 + 1 } ?? 0) { keep((top + row) % Self.height) }
    top = 0
    rowCount = 1
    row = 0
    column = 0
  }

  /// Ends the text.
  mutating func finish() {
    for row in 0..<rowCount - 1 { keep((top + row) % Self.height) }
    let last = (top + rowCount - 1) % Self.height
    if !rows[last].isEmpty { keep(last) }
    rowCount = 1
    row = 0
  }

  /// Makes a row a line and empties it. Blanks at the end of a row cannot be seen.
  private mutating func keep(_ index: Int) {
    let length = (rows[index].lastIndex { $0 != Self.blank } ?? -1) + 1
    for cell in rows[index][..<length] {
      text.append(UInt8(truncatingIfNeeded: cell))
      var rest = cell >> 8
      while rest != 0 {
        text.append(UInt8(truncatingIfNeeded: rest))
        rest >>= 8
      }
    }
    ends.append(text.count)
    rows[index].removeAll(keepingCapacity: true)
  }
}
