/// Recognizes lines that show how far a program is, and nothing else that a person wants to know of a failed
/// job.
struct ProgressLine {
  /// Valid while the line is used.
  private let line: UnsafeBufferPointer<UInt8>
  /// The position of a percent sign behind a number.
  private let percent: Int?

  static func matches(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
    // A terminal is not wider, and a longer line is not worth the time.
    guard line.count <= 2000 else { return false }
    let line = ProgressLine(line)
    return line.hasBar || line.isWords || line.isRate || line.isDots || line.isCurl
  }

  private init(_ line: UnsafeBufferPointer<UInt8>) {
    self.line = line
    percent = line.indices.first { at in
      guard line[at] == UInt8(ascii: "%"), at > 0 else { return false }
      return line[at - 1].isDigit || line[at - 1] == 0x20 && at > 1 && line[at - 2].isDigit
    }
  }

  private func byte(_ at: Int) -> UInt8 { line.indices.contains(at) ? line[at] : 0 }

  private func contains(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard line.count >= length else { return false }
    return (0...line.count - length).contains { start in
      (0..<length).allSatisfy { line[start + $0] == text.utf8Start[$0] }
    }
  }

  /// Two numbers with a slash, such as 450/1000.
  private var hasFraction: Bool {
    line.indices.contains {
      line[$0] == UInt8(ascii: "/") && byte($0 - 1).isDigit && (byte($0 + 1).isDigit || byte($0 + 1) == 0x3F)
    }
  }

  // MARK: Bars

  /// A bar, as tqdm, pip, rich, wget, curl, Keras and many others draw it, with a number that says the same.
  private var hasBar: Bool {
    if let percent, byte(percent + 1) == UInt8(ascii: "|") || byte(percent + 1) == UInt8(ascii: "[") {
      return true
    }
    guard percent != nil || hasFraction else { return false }
    return hasBlocks || hasBracketedBar || isHashes
  }

  /// Four characters in a row of those that are made for drawing: lines, blocks, dots.
  private var hasBlocks: Bool {
    var row = 0
    var at = 0
    while at + 2 < line.count {
      // U+2500 to U+25FF: E2 94 80 to E2 97 BF. U+2800 to U+28FF: E2 A0 80 to E2 A3 BF.
      let isBlock =
        line[at] == 0xE2 && ((0x94...0x97).contains(line[at + 1]) || (0xA0...0xA3).contains(line[at + 1]))
      row = isBlock ? row + 1 : 0
      if row == 4 { return true }
      at += isBlock ? 3 : 1
    }
    return false
  }

  /// Five or more bar characters between brackets or bars: `[=====>    ]`.
  private var hasBracketedBar: Bool {
    var start: Int?
    for at in line.indices {
      switch line[at] {
      case UInt8(ascii: "]"), UInt8(ascii: "|"), UInt8(ascii: "["):
        if line[at] != UInt8(ascii: "["), let start, at - start > 5 { return true }
        start = line[at] == UInt8(ascii: "]") ? nil : at
      default: if !"=>#-.*+~ ".utf8.contains(line[at]) { start = nil }
      }
    }
    return false
  }

  /// curl's `--progress-bar`: number signs up to the number.
  private var isHashes: Bool {
    guard let percent, percent == line.count - 1 else { return false }
    return line.contains(UInt8(ascii: "#"))
      && line.allSatisfy { $0.isDigit || "#=O-. %".utf8.contains($0) }
  }

  // MARK: Numbers

  /// tqdm without a total: `450it [00:12, 37.10it/s]`.
  private var isRate: Bool {
    guard line.last == UInt8(ascii: "]"), contains("/s") || contains("s/") else { return false }
    guard let bracket = line.lastIndex(of: UInt8(ascii: "[")), bracket > 0 else { return false }
    return byte(bracket - 1) == 0x20 && byte(bracket + 1).isDigit && byte(bracket + 2).isDigit
      && byte(bracket + 3) == UInt8(ascii: ":")
  }

  /// curl's meter and its two lines of titles.
  private var isCurl: Bool {
    if contains("% Total    % Received") || contains("Dload  Upload") { return true }
    var columns = 0
    var times = 0
    for word in line.split(separator: 0x20) {
      guard word.allSatisfy({ $0.isDigit || ".kMGTPKmhd:-".utf8.contains($0) }) else { return false }
      columns += 1
      if word.contains(UInt8(ascii: ":")) { times += 1 }
    }
    return (9...13).contains(columns) && times >= 2
  }

  /// wget's dots in a file: `  50K .......... .......... 34%  576M 0s`.
  private var isDots: Bool {
    let text = line.drop { $0 == 0x20 }
    let rest = text.drop { $0.isDigit }
    guard rest.count < text.count, rest.first == UInt8(ascii: "K") else { return false }
    return rest.dropFirst().first == 0x20 && rest.dropFirst().drop { $0 == 0x20 }.first == UInt8(ascii: ".")
  }

  /// A percentage alone, or with a word for progress: `5 of 10 steps (50%) done`, `Progress: 45%`.
  private var isWords: Bool {
    guard percent != nil, line.count <= 80 else { return false }
    let words = line.split { !$0.isLetter }.filter { $0.count > 1 }
    if words.isEmpty { return line.split(separator: 0x20).count <= 2 }
    return words.contains { Self.progressWords.contains($0.map(\.lowercased)) }
  }
  private static let progressWords: Set<[UInt8]> = Set(
    ("progress complete completed done eta loading downloading downloaded uploading uploaded processing "
      + "processed").utf8.split(separator: 0x20).map { Array($0) })
}
