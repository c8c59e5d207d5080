internal import OrderedCollections

/// A parser of .env files that agrees with the Python package python-dotenv: `export`, quotes with escapes, values of
/// several lines, comments, and `${NAME}` or `${NAME:-default}` in values.
struct DotEnv {
  /// In the order of the file. The value is nil for a name without `=`.
  private(set) var values: OrderedDictionary<String, String?> = [:]
  /// The lines, counted from 1, of statements that the parser skipped because of their form.
  private(set) var malformedLines: [Int] = []

  /// Scalars, like Python's characters. A Swift character would join an accent at the start of a value with the `=`.
  private let characters: [Unicode.Scalar]
  private var at = 0

  /// - Parameter environment: its values win over earlier values of the file in `${NAME}`.
  init(_ text: String, environment: [String: String]) {
    characters = Self.withPlainLineEnds(text)
    var line = (number: 1, upTo: 0)
    while at < characters.count {
      guard let binding = readBinding() else {
        line.number += characters[line.upTo..<at].count(where: \.isLineEnd)
        line.upTo = at
        malformedLines.append(line.number)
        // The statement that cannot be parsed extends to the end of its line.
        skip { !$0.isLineEnd }
        continue
      }
      if let name = binding.name {
        // Assigning nil through the subscript would remove the name.
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

  /// Parses one statement. Nil if the text at this place is not a statement.
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

  /// Parses a quoted value, which may have several lines. Unknown escapes stay unchanged.
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

  /// The index of the next quote that has no backslash in front of it.
  private func closingQuote(_ quote: Unicode.Scalar) -> Int? {
    var index = at + 1
    while index < characters.count, characters[index] != quote {
      index += characters[index] == "\\" ? 2 : 1
    }
    return index < characters.count ? index : nil
  }

  /// Parses a value without quotes: up to the end of the line, or up to a `#` after white space.
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

  /// Replaces `\r\n` and `\r` by `\n`, also in quotes, as Python does when it reads a text file.
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
      // A name without `=` counts as known and empty, so its default does not apply.
      environment[name] ?? earlier[name].map { $0 ?? "" }
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isLineEnd: Bool { self == "\n" }

  /// True for what Python's `\s` matches: Unicode's white space, and four ASCII separators (1C to 1F) that are control
  /// characters in Unicode.
  fileprivate var isWhitespace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }

  /// White space within a line.
  fileprivate var isBlank: Bool { isWhitespace && !isLineEnd }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
///
/// A name ends at a colon. Text of any other form stays unchanged.
///
/// - Parameter value: returns the value of a name; nil counts as empty, or takes the default.
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

/// The index of the first place where these two ASCII characters are neighbors.
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
