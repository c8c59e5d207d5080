internal import OrderedCollections

/// The language of .env files, as the Python package python-dotenv reads it: `export`, quotes with
/// escapes, values of several lines, comments, and `${NAME}` or `${NAME:-default}` in values.
struct DotEnv {
  /// In the order of the file; nil for a name without `=`.
  private(set) var values: OrderedDictionary<String, String?> = [:]
  /// Lines (from 1) where a statement could not be read and was passed over.
  private(set) var malformedLines: [Int] = []

  /// Scalars, as Python's characters are: an accent behind a `=` belongs to the value.
  private let characters: [Unicode.Scalar]
  private var at = 0

  /// - Parameter environment: wins over the file's own earlier values in `${NAME}`.
  init(_ text: String, environment: [String: String]) {
    characters = Self.withPlainLineEnds(text)
    var line = (number: 1, upTo: 0)
    while at < characters.count {
      guard let binding = readBinding() else {
        line.number += characters[line.upTo..<at].count(where: \.isLineEnd)
        line.upTo = at
        malformedLines.append(line.number)
        // What could not be read goes to the end of the line that it stands on.
        skip { !$0.isLineEnd }
        continue
      }
      if let name = binding.name {
        // Not by subscript: a nil value would take the name away.
        values.updateValue(
          binding.value.map { Self.interpolate($0, values, environment) }, forKey: name)
      }
    }
  }

  // MARK: Statements

  private struct Binding {
    var name: String?
    var value: String?
  }

  /// Nil if what stands here is no statement.
  private mutating func readBinding() -> Binding? {
    skip { $0.isWhitespace }
    guard at < characters.count else { return Binding() }
    if matches("export"), let after = character(at + 6), after.isBlank {
      at += 6
      skip { $0.isBlank }
    }
    var binding = Binding()
    if next != "#" {
      guard let name = readName() else { return nil }
      binding.name = name
    }
    skip { $0.isBlank }
    if next == "=" {
      at += 1
      let isSpaced = next?.isBlank == true
      skip { $0.isBlank }
      if isSpaced, next == "#" {
        binding.value = ""
      } else {
        guard let value = readValue() else { return nil }
        binding.value = value
      }
    }
    skip { $0.isBlank }
    if next == "#" { skip { !$0.isLineEnd } }
    guard next == nil || next?.isLineEnd == true else { return nil }
    if next != nil { at += 1 }
    return binding
  }

  private mutating func readName() -> String? {
    if next == "'" {
      guard let end = characters[(at + 1)...].firstIndex(of: "'"), end > at + 1 else { return nil }
      defer { at = end + 1 }
      return Self.text(characters[(at + 1)..<end])
    }
    let name = characters[at...].prefix { $0 != "=" && $0 != "#" && !$0.isWhitespace }
    at += name.count
    return name.isEmpty ? nil : Self.text(name)
  }

  private mutating func readValue() -> String? {
    switch next {
    case "'": return readQuoted("'") { $0 == "'" || $0 == "\\" ? $0 : nil }
    case "\"":
      let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\\": "\\", "'": "'", "\"": "\"", "a": "\u{07}", "b": "\u{08}", "f": "\u{0C}", "n": "\n",
        "r": "\r", "t": "\t", "v": "\u{0B}",
      ]
      return readQuoted("\"") { escapes[$0] }
    default: return readPlain()
    }
  }

  /// A quoted value may go over several lines. An escape that is not known stays as it stands.
  private mutating func readQuoted(
    _ quote: Unicode.Scalar, _ escape: (Unicode.Scalar) -> Unicode.Scalar?
  ) -> String? {
    guard let end = closingQuote(quote) else { return nil }
    var value: [Unicode.Scalar] = []
    var index = at + 1
    while index < end {
      if characters[index] == "\\", index + 1 < end, let meant = escape(characters[index + 1]) {
        value.append(meant)
        index += 2
      } else {
        value.append(characters[index])
        index += 1
      }
    }
    at = end + 1
    return Self.text(value[...])
  }

  /// The next quote that no backslash stands before.
  private func closingQuote(_ quote: Unicode.Scalar) -> Int? {
    var index = at + 1
    while index < characters.count, characters[index] != quote {
      index += characters[index] == "\\" ? 2 : 1
    }
    return index < characters.count ? index : nil
  }

  /// Up to the end of the line, or to a `#` with white space before it.
  private mutating func readPlain() -> String {
    let line = characters[at...].prefix { !$0.isLineEnd }
    at += line.count
    var value = line
    if let comment = line.indices.dropFirst().first(where: { line[$0] == "#" && line[$0 - 1].isWhitespace }) {
      value = line[..<comment]
    }
    while value.last?.isWhitespace == true { value.removeLast() }
    return Self.text(value)
  }

  // MARK: Characters

  /// As Python reads a text file: `\r\n` and `\r` are `\n`, also in quotes.
  private static func withPlainLineEnds(_ text: String) -> [Unicode.Scalar] {
    var scalars = Array(text.unicodeScalars)
    guard scalars.contains("\r") else { return scalars }
    scalars = scalars.indices.compactMap { index in
      guard scalars[index] == "\r" else { return scalars[index] }
      return index + 1 < scalars.count && scalars[index + 1] == "\n" ? nil : "\n"
    }
    return scalars
  }

  private static func text(_ characters: ArraySlice<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: characters)
    return String(text)
  }

  private var next: Unicode.Scalar? { character(at) }

  private func character(_ index: Int) -> Unicode.Scalar? {
    index < characters.count ? characters[index] : nil
  }

  private func matches(_ word: String) -> Bool { characters[at...].starts(with: word.unicodeScalars) }

  private mutating func skip(while condition: (Unicode.Scalar) -> Bool) {
    while let character = next, condition(character) { at += 1 }
  }

  // MARK: Interpolation

  private static func interpolate(
    _ value: String, _ earlier: OrderedDictionary<String, String?>, _ environment: [String: String]
  ) -> String {
    expandVariables(value) { name in
      // A name that stands without `=` is known, and empty: no default takes its place.
      environment[name] ?? earlier[name].map { $0 ?? "" }
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isLineEnd: Bool { self == "\n" }

  /// Python's `\s`: Unicode's, and four separators of ASCII that Unicode has as controls.
  fileprivate var isWhitespace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }

  /// White space within a line.
  fileprivate var isBlank: Bool { isWhitespace && !isLineEnd }
}

/// `${NAME}` and `${NAME:-default}` by what `value` knows; what it does not know is empty. A name ends at a colon, and
/// what has another form stays as it stands.
func expandVariables(_ text: String, value: (String) -> String?) -> String {
  let bytes = Array(text.utf8)
  var result = ""
  var rest = 0
  var next = 0
  while let start = firstPair("$", "{", in: bytes, from: next, to: bytes.count),
    let end = bytes[start...].firstIndex(of: UInt8(ascii: "}"))
  {
    let mark = bytes[(start + 2)..<end].firstIndex(of: UInt8(ascii: ":"))
    if let mark, firstPair(":", "-", in: bytes, from: mark, to: min(mark + 2, end)) == nil {
      next = start + 2
      continue
    }
    result += String(decoding: bytes[rest..<start], as: UTF8.self)
    if let known = value(String(decoding: bytes[(start + 2)..<(mark ?? end)], as: UTF8.self)) {
      result += known
    } else if let mark {
      result += String(decoding: bytes[(mark + 2)..<end], as: UTF8.self)
    }
    rest = end + 1
    next = rest
  }
  return result + String(decoding: bytes[rest...], as: UTF8.self)
}

/// The first place where two ASCII characters stand side by side.
private func firstPair(
  _ first: Unicode.Scalar, _ second: Unicode.Scalar, in bytes: [UInt8], from start: Int, to end: Int
) -> Int? {
  var at = start
  while at + 1 < end {
    if bytes[at] == UInt8(ascii: first), bytes[at + 1] == UInt8(ascii: second) { return at }
    at += 1
  }
  return nil
}
