internal import RecordText

/// The lines that a person would have seen if a program had written its bytes to a terminal.
///
/// A progress bar in a file is one line with thousands of states, of which a terminal shows the last. The
/// player obeys what such bars use: carriage return, backspace, tab, and the sequences that move the cursor
/// and erase. It removes all other control characters and sequences: colors, titles, links. A sequence that
/// clears the screen begins a new line, so that nothing is lost that a person has seen.
struct PlayedText: Sendable {
  /// The lines one after the other, without line ends.
  let bytes: [UInt8]
  private let ends: [Int]

  init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  init(_ bytes: ArraySlice<UInt8>) {
    let screen = bytes.withUnsafeBufferPointer { bytes in
      var player = TerminalPlayer(bytes)
      player.play()
      return player.screen
    }
    self.bytes = screen.text
    ends = screen.ends
  }

  var count: Int { ends.count }

  /// Where a line is in `bytes`.
  func range(_ line: Int) -> Range<Int> { (line == 0 ? 0 : ends[line - 1])..<ends[line] }

  /// The lines as text. Bytes that are not UTF-8 are escaped.
  var lines: [String] { (0..<count).map { String(escaping: bytes[range($0)]) } }
}

/// Reads the bytes that a program wrote, and does on a screen what they tell a terminal to do (ECMA-48).
private struct TerminalPlayer {
  /// Valid while the player is used.
  let bytes: UnsafeBufferPointer<UInt8>
  var at = 0
  var screen: TerminalScreen

  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    screen = TerminalScreen(forBytes: bytes.count)
  }

  private var next: UInt8 { at < bytes.count ? bytes[at] : 0 }

  mutating func play() {
    while at < bytes.count {
      let start = at
      while at < bytes.count, bytes[at] &- 0x20 < 0x5F { at += 1 }
      if at > start {
        screen.write(UnsafeBufferPointer(rebasing: bytes[start..<at]))
      } else if bytes[at] < 0x80 {
        at += 1
        control(bytes[at - 1])
      } else {
        character()
      }
    }
    screen.finish()
  }

  private mutating func control(_ byte: UInt8) {
    switch byte {
    case 0x08: screen.backspace()
    case 0x09: screen.tab()
    case 0x0A...0x0C: screen.lineFeed()
    case 0x0D: screen.carriageReturn()
    case 0x1B: escape()
    default: break
    }
  }

  /// Plays a character that is not ASCII, or one byte that is no part of a character.
  private mutating func character() {
    let length = sequenceLength()
    if length == 2, bytes[at] == 0xC2, bytes[at + 1] < 0xA0 {
      // A C1 control: ESC and a character from @ to _ have the same meaning.
      at += 2
      return escape(bytes[at - 1] - 0x40)
    }
    var cell: UInt32 = 0
    for offset in 0..<max(length, 1) { cell |= UInt32(bytes[at + offset]) << (8 * UInt32(offset)) }
    screen.write(cell: cell)
    at += max(length, 1)
  }

  /// The length of the UTF-8 sequence of a character that is not ASCII; 0 if there is none.
  private func sequenceLength() -> Int {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[at] {
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF: length = 3
    case 0xF0...0xF4: length = 4
    default: return 0
    }
    switch bytes[at] {
    case 0xE0: second = 0xA0...0xBF
    case 0xED: second = 0x80...0x9F
    case 0xF0: second = 0x90...0xBF
    case 0xF4: second = 0x80...0x8F
    default: break
    }
    guard at + length <= bytes.count, second.contains(bytes[at + 1]) else { return 0 }
    for offset in 2..<max(length, 2) where bytes[at + offset] & 0xC0 != 0x80 { return 0 }
    return length
  }

  // MARK: Sequences

  /// Larger numbers in a sequence mean the same.
  private static let largestNumber = 1 << 20

  /// Plays what follows an ESC.
  private mutating func escape() {
    switch next {
    case 0x20...0x2F:
      while (0x20...0x2F).contains(next) { at += 1 }
      if (0x30...0x7E).contains(next) { at += 1 }
    case 0x30...0x7E:
      at += 1
      escape(bytes[at - 1])
    default: break
    }
  }

  /// - Parameter kind: the character behind ESC.
  private mutating func escape(_ kind: UInt8) {
    switch kind {
    case UInt8(ascii: "["): controlSequence()
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
      skipString()
    case UInt8(ascii: "D"), UInt8(ascii: "E"): screen.lineFeed()
    case UInt8(ascii: "M"): screen.move(rows: -1)
    case UInt8(ascii: "c"): screen.clear()
    default: break
    }
  }

  /// Skips the text of a sequence that sets a title or a link. Its end is BEL or ESC \. It also ends with the
  /// line, so that a sequence without an end does not hide the rest.
  private mutating func skipString() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x07:
        at += 1
        return
      case 0x1B:
        if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "\\") { at += 2 }
        return
      case 0xC2 where at + 1 < bytes.count && bytes[at + 1] == 0x9C:
        at += 2
        return
      case 0x0A: return
      default: at += 1
      }
    }
  }

  /// Plays what follows CSI. A byte that cannot be part of a sequence ends it and is played itself.
  private mutating func controlSequence() {
    var numbers = [0, 0]
    var position = 0
    // A sequence of another kind, which moves and erases nothing.
    var isPrivate = false
    while (0x30...0x3F).contains(next) {
      switch next {
      case UInt8(ascii: ";"), UInt8(ascii: ":"): position += 1
      case 0x3C...0x3F: isPrivate = true
      default:
        if position < 2 {
          numbers[position] = min(numbers[position] * 10 + Int(next & 0xF), Self.largestNumber)
        }
      }
      at += 1
    }
    while (0x20...0x2F).contains(next) {
      isPrivate = true
      at += 1
    }
    guard (0x40...0x7E).contains(next) else { return }
    at += 1
    if !isPrivate { obey(bytes[at - 1], numbers[0], numbers[1]) }
  }

  /// - Parameters:
  ///   - final: the last character of the sequence, which says what it does.
  ///   - first: the numbers in it; 0 if they are left out.
  private mutating func obey(_ final: UInt8, _ first: Int, _ second: Int) {
    let count = max(first, 1)
    switch Unicode.Scalar(final) {
    case "A": screen.move(rows: -count)
    case "B": screen.move(rows: count)
    case "C": screen.move(columns: count)
    case "D": screen.move(columns: -count)
    case "E", "F":
      screen.move(rows: final == UInt8(ascii: "E") ? count : -count)
      screen.carriageReturn()
    case "G", "`": screen.move(toColumn: count - 1)
    case "H", "f":
      screen.clear()
      screen.move(toColumn: second - 1)
    case "J": first == 0 ? screen.eraseBelow() : screen.clear()
    case "K": if let part = TerminalScreen.ErasedPart(rawValue: first) { screen.eraseLine(part) }
    default: break
    }
  }
}
