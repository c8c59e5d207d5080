/// Searches a line for signs of a failure.
struct FailureSearch {
  struct Found: Sendable {
    var weight: FailureSign.Weight
    /// The bytes of the sign in its line.
    var range: Range<Int>
    /// How many of the lines below belong to it.
    var following: Int
  }

  /// Valid while the search is used.
  private let line: UnsafeBufferPointer<UInt8>
  private var isWarning = false
  private var best: Found?

  /// The sign in `line` that tells most, and the first of several such signs; nil if there is none.
  static func find(in line: UnsafeBufferPointer<UInt8>) -> Found? {
    var search = FailureSearch(line)
    search.run()
    guard var best = search.best else { return nil }
    if line.last == UInt8(ascii: ":") { best.following = max(best.following, 1) }
    return best
  }

  private init(_ line: UnsafeBufferPointer<UInt8>) { self.line = line }

  private mutating func run() {
    let signs = FailureSigns.all
    var isInWord = false
    for at in line.indices.dropLast() {
      let isWordPart = line[at].isWordPart
      if isWordPart, !isInWord {
        if signs.mayBegin(with: line[at], line[at + 1]) { wordStart(at, signs[line[at]]) }
      } else if isInWord, line[at] == UInt8(ascii: "E") {
        exceptionName(at)
      }
      if let best, best.weight >= .cause { return }
      isInWord = isWordPart
    }
  }

  private mutating func wordStart(_ start: Int, _ signs: [FailureSign]) {
    for sign in signs where matches(sign, at: start) {
      let range = start..<start + sign.text.count
      let weight = weighed(sign, range)
      if let best, best.weight >= weight { continue }
      if sign.isWord, !FailureWord(line, range).isFailure { continue }
      return note(weight, range, following: sign.following)
    }
  }

  private func matches(_ sign: FailureSign, at start: Int) -> Bool {
    let end = start + sign.text.count
    guard end <= line.count else { return false }
    for offset in sign.text.indices {
      let byte = line[start + offset]
      guard (sign.isExact ? byte : byte.lowercased) == sign.text[offset] else { return false }
    }
    // The last word of a sign is a whole word.
    return end == line.count || !line[end].isWordPart || !line[end - 1].isWordPart
  }

  /// "error" at the start of the line, before a colon or in brackets names the line an error.
  private func weighed(_ sign: FailureSign, _ range: Range<Int>) -> FailureSign.Weight {
    let isError = sign.text.starts(with: "error".utf8) || sign.text.starts(with: "exception".utf8)
    guard sign.weight == .hint, isError else { return sign.weight }
    if range.lowerBound == 0 { return .error }
    let before = line[range.lowerBound - 1]
    let after = range.upperBound < line.count ? line[range.upperBound] : 0
    let isMarked = "[<=\"".utf8.contains(before)
    return after == UInt8(ascii: ":") || isMarked ? .error : .hint
  }

  /// Notes the name of an exception, such as `ValueError:`, whose last word begins at `start`.
  private mutating func exceptionName(_ start: Int) {
    for word in ["Error", "Exception"] {
      let end = start + word.utf8.count
      guard end <= line.count, line[start..<end].elementsEqual(word.utf8) else { continue }
      let after = end == line.count ? UInt8(ascii: ":") : line[end]
      guard after == UInt8(ascii: ":") || after == UInt8(ascii: " ") else { continue }
      var first = start
      while first > 0, line[first - 1].isWordPart || line[first - 1] == UInt8(ascii: ".") { first -= 1 }
      if first == 0 || after == UInt8(ascii: ":") { note(.error, first..<end, following: 0) }
    }
  }

  private mutating func note(_ weight: FailureSign.Weight, _ range: Range<Int>, following: Int) {
    if weight == .warning {
      isWarning = true
      return
    }
    if isWarning, weight == .hint { return }
    let weight = isWarning && weight == .error ? .hint : weight
    if let best, best.weight >= weight { return }
    best = Found(weight: weight, range: range, following: following)
  }
}

extension UInt8 {
  var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }
  var isDigit: Bool { (0x30...0x39).contains(self) }
  /// Part of a word, a number or an identifier.
  var isWordPart: Bool { isLetter || isDigit || self == UInt8(ascii: "_") }
  /// The small letter of an ASCII letter; other bytes unchanged.
  var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
