/// Decides whether a word such as "error" tells of a failure where it is in a line.
///
/// Programs also print it where nothing failed: `0 errors`, `no error`, `errors=0`, `--fail-on-error`,
/// `error.log`, `standard error`, `relative error: 1.2e-05`.
struct FailureWord {
  /// Valid while the word is used.
  private let line: UnsafeBufferPointer<UInt8>
  private let range: Range<Int>

  init(_ line: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
    self.line = line
    self.range = range
  }

  var isFailure: Bool { !isPartOfName && !isDeniedBefore && !isNounAfter && !isValueHarmless }

  private func byte(_ at: Int) -> UInt8 { line.indices.contains(at) ? line[at] : 0 }

  /// The word is part of an option, a path, a file name, a variable or a method.
  private var isPartOfName: Bool {
    let before = byte(range.lowerBound - 1)
    switch before {
    case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "$"), UInt8(ascii: "@"):
      return true
    case UInt8(ascii: "."): if byte(range.lowerBound - 2).isWordPart { return true }
    default: break
    }
    switch byte(range.upperBound) {
    case UInt8(ascii: "/"): return true
    case UInt8(ascii: "."), UInt8(ascii: "-"): return byte(range.upperBound + 1).isWordPart
    default: return false
    }
  }

  private static let denials = words(
    "no without zero 0 none any not never non ignore ignoring ignored standard std squared absolute relative "
      + "mean rounding truncation")
  /// Python says "the above exception", "another exception" between two tracebacks.
  private static let denialsOfException = words("above another following")
  private static let nouns = words(
    "rate rates bar bars correction handling handler tolerance estimate estimates log logs margin propagation"
  )

  private static func words(_ text: String) -> Set<[UInt8]> {
    Set(text.utf8.split(separator: 0x20).map { Array($0) })
  }

  /// The word before takes the meaning away.
  private var isDeniedBefore: Bool {
    var end = range.lowerBound
    while end > 0, line[end - 1] == 0x20 { end -= 1 }
    var start = end
    while start > 0, line[start - 1].isWordPart, end - start <= 12 { start -= 1 }
    // The last digit of 1.0 or of 10:00:00 is no number of errors.
    if start > 0, end - start == 1, line[start] == UInt8(ascii: "0"), ".:,-".utf8.contains(line[start - 1]) {
      return false
    }
    let word = line[start..<end].map(\.lowercased)
    let isException = line[range].last == UInt8(ascii: "n")
    return Self.denials.contains(word) || isException && Self.denialsOfException.contains(word)
  }

  /// The word after makes it a part of a term, such as "error rate".
  private var isNounAfter: Bool {
    guard byte(range.upperBound) == 0x20, line[range.lowerBound].lowercased == UInt8(ascii: "e") else {
      return false
    }
    let start = range.upperBound + 1
    var end = start
    while end < line.count, line[end].isWordPart, end - start <= 12 { end += 1 }
    return Self.nouns.contains(line[start..<end].map(\.lowercased))
  }

  /// A value follows that says that nothing failed: zero, none, false; or a fraction, which is a result.
  private var isValueHarmless: Bool {
    var at = range.upperBound
    while "\"')]".utf8.contains(byte(at)) { at += 1 }
    while byte(at) == 0x20 { at += 1 }
    let hasSeparator = byte(at) == UInt8(ascii: ":") || byte(at) == UInt8(ascii: "=")
    if hasSeparator { at += 1 }
    while byte(at) == 0x20 || byte(at) == UInt8(ascii: "\"") { at += 1 }
    if byte(at).isDigit { return isHarmlessNumber(at) }
    guard hasSeparator else { return false }
    var end = at
    while end < line.count, line[end].isWordPart, end - at <= 5 { end += 1 }
    return Self.harmlessValues.contains(line[at..<end].map(\.lowercased)) && !isSentence(end)
  }
  private static let harmlessValues = words("none null nil false no off nan")

  /// Whether the number at `start` is zero or a fraction.
  private func isHarmlessNumber(_ start: Int) -> Bool {
    var end = start
    var isZero = true
    var points = 0
    var exponents = 0
    while end < line.count {
      switch line[end] {
      case UInt8(ascii: "0"): break
      case UInt8(ascii: "1")...UInt8(ascii: "9"): isZero = false
      case UInt8(ascii: ".") where byte(end + 1).isDigit: points += 1
      case UInt8(ascii: "e"), UInt8(ascii: "E"): exponents += 1
      case UInt8(ascii: "-"), UInt8(ascii: "+"):
        if byte(end - 1).lowercased != UInt8(ascii: "e") { return isZero && points == 0 }
      default:
        if line[end].isWordPart { return false }
        return isHarmless()
      }
      end += 1
    }
    return isHarmless()

    func isHarmless() -> Bool {
      // An address or a release has more points.
      guard points <= 1, exponents <= 1 else { return false }
      return (isZero || points + exponents > 0) && !isSentence(end)
    }
  }

  /// Whether a sentence follows a log level: `ERROR: 0 files found`.
  private func isSentence(_ end: Int) -> Bool {
    let isLevel = line[range].elementsEqual("ERROR".utf8) || line[range].elementsEqual("FATAL".utf8)
    return isLevel && byte(end) == 0x20 && byte(end + 1).isLetter
  }
}
