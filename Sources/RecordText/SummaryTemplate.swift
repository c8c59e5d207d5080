public import SystemCalls

/// A value that a template can show.
public enum TemplateValue: Sendable, Equatable {
  case none
  case integer(Int)
  case number(Double)
  case text(String)

  var isTrue: Bool {
    switch self {
    case .none: false
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .text(let value): !value.isEmpty
    }
  }

  /// The value as Python's `str()` shows it.
  var plainText: String {
    switch self {
    case .none: "None"
    case .integer(let value): String(value)
    case .number(let value): value.pythonRepresentation
    case .text(let value): value
    }
  }

  /// Shortens text and escapes special characters, unless `conversion` is `r` or `a`, which escape them too.
  func forDisplay(_ conversion: Character?) -> TemplateValue {
    guard case .text(let text) = self else { return self }
    // Shortens first, because the text may be large.
    let shown = text.bounded()
    return .text(conversion == "r" || conversion == "a" ? shown : shown.escapedForDisplay)
  }

  var double: Double? {
    switch self {
    case .none: nil
    case .integer(let value): Double(value)
    case .number(let value): value
    case .text(let value): Double(value)
    }
  }
}

/// A template such as `{wall_clock_time:.3f} sec`, in the language of con-duct's `--summary-format`.
///
/// The language is Python's `str.format` with the conversions !S !E !X !N !P !T !D in addition to !r !s !a. A
/// conversion may also follow the format specification (`{peak_pmem:.2f!N}`).
public struct SummaryTemplate: Sendable {
  enum Piece: Sendable, Equatable {
    case literal(String)
    case field(name: String, conversion: Character?, spec: String)
  }

  /// The conversion letters.
  static let conversions = "SEXNPTDrsa"

  let pieces: [Piece]
  /// For each piece that is a field, its format, and the conversion that follows the format.
  private let formats: [(spec: FormatSpec, last: Character?)?]

  /// - Parameters:
  ///   - text: the template.
  ///   - fields: the names that the template may use; nil: any.
  public init(_ text: String, fields: Set<String>?) throws(Problem) {
    pieces = try Self.parse(text)
    var formats: [(spec: FormatSpec, last: Character?)?] = []
    for piece in pieces {
      guard case .field(let name, let conversion, let spec) = piece else {
        formats.append(nil)
        continue
      }
      if let fields, !fields.contains(name) {
        let known = fields.sorted().joined(separator: ", ")
        throw Problem("unknown field {\(name)}; known are: \(known)")
      }
      if let conversion, !Self.conversions.contains(conversion) {
        throw Problem("unknown conversion !\(conversion) of {\(name)}")
      }
      let (formatSpec, last) = Self.split(spec)
      if let last, last.count != 1 || !Self.conversions.contains(Character(last)) {
        throw Problem("unknown conversion !\(last) of {\(name)}")
      }
      formats.append((try FormatSpec(formatSpec), last.map { Character($0) }))
    }
    self.formats = formats
  }

  static func parse(_ text: String) throws(Problem) -> [Piece] {
    // On bytes for speed: duct parses a template after each command. All special characters are ASCII.
    let bytes = Array(text.utf8)
    let (opening, closing) = (UInt8(ascii: "{"), UInt8(ascii: "}"))
    var pieces: [Piece] = []
    var literal: [UInt8] = []
    func endLiteral() {
      if !literal.isEmpty { pieces.append(.literal(String(decoding: literal, as: UTF8.self))) }
      literal = []
    }
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte != opening, byte != closing {
        literal.append(byte)
        at += 1
      } else if at + 1 < bytes.count, bytes[at + 1] == byte {
        literal.append(byte)
        at += 2
      } else if byte == closing {
        throw Problem("a single '}' in the template; write '}}' for the character")
      } else {
        guard let end = bytes[at...].firstIndex(of: closing) else {
          throw Problem("a '{' without its '}' in the template")
        }
        endLiteral()
        pieces.append(try field(Substring(String(decoding: bytes[(at + 1)..<end], as: UTF8.self))))
        at = end + 1
      }
    }
    endLiteral()
    return pieces
  }

  private static func field(_ text: Substring) throws(Problem) -> Piece {
    let nameEnd = text.firstIndex { $0 == "!" || $0 == ":" } ?? text.endIndex
    let name = String(text[..<nameEnd])
    var rest = text[nameEnd...]
    var conversion: Character?
    if rest.first == "!" {
      rest.removeFirst()
      guard let letter = rest.popFirst(), rest.isEmpty || rest.first == ":" else {
        throw Problem("one letter must follow '!' in {\(text)}")
      }
      conversion = letter
    }
    if rest.contains("{") {
      throw Problem("a field within the format of {\(name)} is not supported")
    }
    return .field(name: name, conversion: conversion, spec: String(rest.dropFirst()))
  }

  /// Splits off a conversion that follows a specification of at least two characters.
  private static func split(_ spec: String) -> (spec: String, conversion: String?) {
    guard let mark = spec.firstIndex(of: "!"), spec.distance(from: spec.startIndex, to: mark) > 1
    else { return (spec, nil) }
    return (String(spec[..<mark]), String(spec[spec.index(after: mark)...]))
  }

  /// The template's text with the values in place of its fields.
  ///
  /// - Parameters:
  ///   - isDisplayed: the text is for people: text values are shortened and escaped by `escapedForDisplay`. The
  ///     template's own text and the escapes of `!r` stay unchanged.
  ///   - warn: called for each value that does not fit its format. The text then contains the value without that
  ///     format.
  public func render(
    _ values: [String: TemplateValue], colors: Bool, isDisplayed: Bool = false,
    warn: (String) -> Void = { _ in }
  ) -> String {
    let painter = TemplateColors(isEnabled: colors)
    func text(_ piece: Piece, _ format: (spec: FormatSpec, last: Character?)?) -> String {
      switch piece {
      case .literal(let text): return text
      case .field(let name, let conversion, let spec):
        var value = values[name] ?? .none
        if isDisplayed { value = value.forDisplay(conversion) }
        if let conversion { value = painter.convert(value, conversion) }
        if value == .none { return TemplateColors.none }
        guard let format, !spec.isEmpty else { return value.plainText }
        do throws(Problem) {
          let text = try Self.format(value, format.spec)
          guard let last = format.last else { return text }
          return painter.convert(.text(text), last).plainText
        } catch {
          warn("Showing {\(name)} as it is, since \(error.description)")
          return value.plainText
        }
      }
    }
    // `joined` looks up generic types at run time, which delays the start noticeably.
    var result = ""
    for (piece, format) in zip(pieces, formats) { result += text(piece, format) }
    return result
  }

  private static func format(_ value: TemplateValue, _ spec: FormatSpec) throws(Problem) -> String {
    switch value {
    case .none: return TemplateColors.none
    case .integer(let value): return try spec.format(value)
    case .number(let value): return try spec.format(value)
    case .text(let value): return try spec.format(value)
    }
  }
}

/// con-duct's conversions. Green means good, red means bad or missing.
struct TemplateColors {
  static let none = "-"
  let isEnabled: Bool

  enum Color: Int { case red = 31, green = 32 }

  func paint(_ value: TemplateValue, _ color: Color) -> TemplateValue {
    guard isEnabled else { return value }
    return .text("\u{1B}[1;\(color.rawValue)m\(value.plainText)\u{1B}[0m")
  }

  func convert(_ value: TemplateValue, _ conversion: Character) -> TemplateValue {
    let missing = paint(.text(Self.none), .red)
    switch conversion {
    case "S":
      guard let bytes = value.double else { return value == .none ? missing : value }
      return paint(.text(humanSize(bytes)), .green)
    case "E":
      return value == .none ? missing : paint(value, value.isTrue ? .red : .green)
    case "X":
      return value == .none ? missing : paint(value, value.isTrue ? .green : .red)
    case "N":
      return value == .none ? missing : paint(value, .green)
    case "P":
      guard let percent = value.double else { return value == .none ? missing : value }
      return .text(fixed(percent, decimals: 2) + "%")
    case "T":
      guard let seconds = value.double else { return value == .none ? missing : value }
      return .text(humanDuration(seconds))
    case "D":
      guard let seconds = value.double else { return value == .none ? missing : value }
      return .text(WallTime(seconds: seconds).text(format: "%b %d, %Y %I:%M %p"))
    case "r", "a":
      guard case .text(let text) = value else { return .text(value.plainText) }
      return .text(text.pythonRepresentation)
    default: return .text(value.plainText)
    }
  }
}
