internal import RecordText

/// Sorts values of any kind: first numbers, then strings in natural order (run2 before run10), then all others.
/// Missing values come last.
struct SortKey: Sendable {
  enum Piece: Equatable, Sendable { case number(Int), text(Substring) }
  var rank: Int
  var number = 0.0
  var pieces: [Piece] = []

  init(_ value: JSONValue?) {
    switch value {
    case nil, .null?, .string("")?: rank = 3
    case .bool(let flag)?:
      rank = 0
      number = flag ? 1 : 0
    case .integer(let value)?:
      rank = 0
      number = Double(value)
    case .number(let value)?:
      // NaN compares as unequal to everything, even itself, so it counts as missing.
      rank = value.isNaN ? 3 : 0
      number = value.isNaN ? 0 : value
    case .string(let text)?:
      rank = 1
      pieces = Self.pieces(text)
    case let other?:
      rank = 2
      pieces = Self.pieces(other.plainText)
    }
  }

  private static func pieces(_ text: String) -> [Piece] {
    // On bytes for speed. All digits are ASCII, so a piece begins and ends between characters.
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    var pieces: [Piece] = []
    var rest = text.utf8[...]
    while let first = rest.first {
      let run = rest.prefix { isDigit($0) == isDigit(first) }
      let piece = Substring(run)
      if isDigit(first), let number = Int(piece) {
        pieces.append(.number(number))
      } else {
        pieces.append(.text(piece))
      }
      rest = rest[run.endIndex...]
    }
    return pieces
  }

  /// Negative if `left` comes before `right`, positive if it comes after it, 0 if they are equal.
  static func compare(_ left: SortKey, _ right: SortKey) -> Int {
    if left.rank != right.rank { return left.rank - right.rank }
    if left.number != right.number { return left.number < right.number ? -1 : 1 }
    for (a, b) in zip(left.pieces, right.pieces) where a != b {
      switch (a, b) {
      case (.number(let a), .number(let b)): return a < b ? -1 : 1
      case (.text(let a), .text(let b)): return a < b ? -1 : 1
      case (.number, .text): return -1
      case (.text, .number): return 1
      }
    }
    return left.pieces.count - right.pieces.count
  }
}

extension String {
  /// In natural order: n2 before n10.
  func isBefore(_ other: String) -> Bool {
    SortKey.compare(SortKey(.string(self)), SortKey(.string(other))) < 0
  }
}
