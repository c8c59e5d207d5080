internal import RecordText

/// Cuts a line for people to a number of columns.
struct LineCut {
  private let line: ArraySlice<UInt8>
  private let width: Int

  /// - Parameters:
  ///   - sign: the bytes that should remain visible, counted from the start of the line.
  ///   - width: nil: any width that a person can read.
  static func text(_ line: ArraySlice<UInt8>, sign: Range<Int>?, width: Int?) -> String {
    let cut = LineCut(line: line, width: max(width ?? String.longestShown, 1))
    // No byte takes more than one column.
    if line.count <= cut.width { return String(escaping: line) }
    if let sign, let text = cut.text(around: sign) { return text }
    return cut.start(of: line, columns: cut.width)
  }

  /// The start of the line, and the sign with what is beside it. Nil if the start alone does as well.
  private func text(around sign: Range<Int>) -> String? {
    guard width >= 20 else { return nil }
    let start = line.startIndex + sign.lowerBound
    let end = line.startIndex + sign.upperBound
    guard fitting(line[..<end], columns: width - 1).end < end else { return nil }
    let head = fitting(line, columns: width / 4)
    let context = characterStart(start - width / 4)
    guard context > head.end else { return nil }
    return head.text + "…" + self.start(of: line[context...], columns: width - head.columns - 1)
  }

  /// The start of `bytes`. `…` is in place of the part that does not fit.
  private func start(of bytes: ArraySlice<UInt8>, columns: Int) -> String {
    let all = fitting(bytes, columns: columns)
    return all.end == bytes.endIndex ? all.text : fitting(bytes, columns: columns - 1).text + "…"
  }

  /// As many characters as fit into `columns`, and the position behind them.
  private func fitting(_ bytes: ArraySlice<UInt8>, columns: Int) -> (text: String, columns: Int, end: Int) {
    // Long enough for characters of four bytes with an accent each.
    let window = characterStart(min(bytes.endIndex, bytes.startIndex + 8 * (columns + 1)))
    var text = String.UnicodeScalarView()
    var used = 0
    var end = bytes.startIndex
    for scalar in String(escaping: bytes[..<max(window, bytes.startIndex)]).unicodeScalars {
      let columnsOfScalar = scalar.isASCII ? 1 : String(scalar).displayWidth
      if used + columnsOfScalar > columns { break }
      text.append(scalar)
      used += columnsOfScalar
      end += scalar.isASCII ? 1 : String(scalar).originalBytes.count
    }
    return (String(text), used, end)
  }

  /// The start of the character that the byte at `position` is part of.
  private func characterStart(_ position: Int) -> Int {
    var start = position
    while start > line.startIndex, start < line.endIndex, position - start < 3, line[start] & 0xC0 == 0x80 {
      start -= 1
    }
    return start
  }
}
