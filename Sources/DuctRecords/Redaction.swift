import Glibc
internal import RecordText
internal import SystemCalls

/// Decides which parts of command lines and environment values are left out of records: secrets, which it
/// recognizes by their names, and matches of regular expressions.
///
/// The expressions are POSIX extended ones, see regex(7), as in `grep -E`. The C library matches them: it
/// accepts any bytes, and is in the process already.
public struct Redaction: Sendable {
  static let mark = "[redacted]"

  private var expressions: [Expression] = []
  /// The expressions as the user gave them.
  public private(set) var patterns: [String] = []

  /// Hides the values that `SecretNames` recognizes.
  public var hidesSecrets: Bool
  private var hidesAll = false

  /// Without expressions.
  public init(hidesSecrets: Bool = true) { self.hidesSecrets = hidesSecrets }

  /// Adds an expression.
  ///
  /// - Throws: `UsageError` if the text is not a regular expression, or if it matches the empty text.
  public mutating func add(_ pattern: String) throws(UsageError) {
    let expression: Expression
    do throws(Problem) { expression = try Expression(pattern) } catch {
      throw UsageError("'\(pattern)' is no regular expression: \(error.description)")
    }
    if expression.groups(in: [], at: 0) != nil {
      throw UsageError("'\(pattern)' matches the empty text, and so everywhere")
    }
    expressions.append(expression)
    patterns.append(pattern)
  }

  /// The redaction of a recorded run. Hides everything if this C library cannot read one of the expressions.
  init(recorded patterns: [String]?, hidesSecrets: Bool = true) {
    self.init(hidesSecrets: hidesSecrets)
    for pattern in patterns ?? [] {
      do throws(UsageError) { try add(pattern) } catch { hidesAll = true }
    }
  }

  /// The text with a mark in place of each match or, if the expression has groups, of each group. Then with a
  /// mark in place of each value that has the name of a secret.
  public func applied(to text: String) -> String {
    if hidesAll { return Self.mark }
    let text = matchesRemoved(text)
    return hidesSecrets ? SecretNames.hidden(in: text) : text
  }

  private func matchesRemoved(_ text: String) -> String {
    if expressions.isEmpty { return text }
    var bytes = text.originalBytes
    for expression in expressions { bytes = expression.redacted(bytes) }
    return String(escaping: bytes)
  }

  /// The arguments, separated by spaces, with marks.
  public func applied(to arguments: [String]) -> String {
    applied(to: (hidesSecrets ? SecretNames.hidden(in: arguments) : arguments).joined(separator: " "))
  }

  /// The value of an environment variable, with marks.
  public func applied(to value: String, of name: String) -> String {
    if hidesSecrets, !value.isEmpty, SecretNames.isSecret(variable: name) { return Self.mark }
    return applied(to: value)
  }
}

private final class Expression: @unchecked Sendable {

  // Several threads may call regexec(3) at the same time.
  private var compiled = regex_t()

  init(_ pattern: String) throws(Problem) {
    let result = (pattern.originalBytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { regcomp(&compiled, $0.baseAddress, REG_EXTENDED) }
    }
    if result == 0 { return }
    var message = [CChar](repeating: 0, count: 200)
    regerror(result, &compiled, &message, message.count)
    throw Problem(String(escaping: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }))
  }

  deinit { regfree(&compiled) }

  /// The next match at or after `start`: the whole match, and its groups.
  func groups(in bytes: [UInt8], at start: Int) -> (whole: Range<Int>, groups: [Range<Int>])? {
    var places = [regmatch_t](repeating: regmatch_t(), count: Int(compiled.re_nsub) + 1)
    places[0].rm_so = regoff_t(start)
    places[0].rm_eo = regoff_t(bytes.count)
    let result = (bytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        regexec(&compiled, $0.baseAddress, places.count, &places, REG_STARTEND | (start > 0 ? REG_NOTBOL : 0))
      }
    }
    if result != 0 { return nil }
    let ranges = places.map { $0.rm_so < 0 ? 0..<0 : Int($0.rm_so)..<Int($0.rm_eo) }
    return (ranges[0], ranges.dropFirst().filter { !$0.isEmpty })
  }

  func redacted(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var (copied, next) = (0, 0)
    while next <= bytes.count, let match = groups(in: bytes, at: next) {
      // A group may be inside another one.
      for place in match.groups.isEmpty ? [match.whole] : match.groups where place.lowerBound >= copied {
        result += bytes[copied..<place.lowerBound] + Array(Redaction.mark.utf8)
        copied = place.upperBound
      }
      next = max(match.whole.upperBound, next + 1)
    }
    return result + bytes[copied...]
  }
}
