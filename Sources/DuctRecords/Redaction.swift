import Glibc
internal import RecordText

/// What of command lines and environment values is left out of records: what is a secret by its name, and what regular
/// expressions match.
///
/// POSIX extended ones, see regex(7), as `grep -E` has them: the C library's, which match bytes of any kind and
/// are in the process already.
public struct Redaction: Sendable {
  public static let mark = "[redacted]"

  private let expressions: [Expression]
  /// As they were given.
  public let patterns: [String]

  /// See `SecretNames`.
  public let hidesSecrets: Bool
  private let hidesAll: Bool

  private init(hidesAll: Bool) {
    expressions = []
    patterns = []
    hidesSecrets = true
    self.hidesAll = hidesAll
  }

  /// - Throws: `UsageError` for a text that is no regular expression.
  public init(_ patterns: [String], name: String, hidesSecrets: Bool = true) throws(UsageError) {
    var expressions: [Expression] = []
    for pattern in patterns {
      let expression: Expression
      do throws(Expression.Problem) { expression = try Expression(pattern) } catch {
        throw UsageError("\(name): '\(pattern)' is no regular expression: \(error.text)")
      }
      if expression.groups(in: [], at: 0) != nil {
        throw UsageError("\(name): '\(pattern)' matches the empty text, and so everywhere")
      }
      expressions.append(expression)
    }
    self.expressions = expressions
    self.patterns = patterns
    self.hidesSecrets = hidesSecrets
    hidesAll = false
  }

  /// Of a record: what was given at its start. What another C library cannot read hides everything.
  init(recorded patterns: [String]?, hidesSecrets: Bool = true) {
    do throws(UsageError) {
      self = try Redaction(patterns ?? [], name: "redact", hidesSecrets: hidesSecrets)
    } catch {
      self = Redaction(hidesAll: true)
    }
  }

  /// The text with a mark in the place of each match; where an expression has groups, of each group. Then of each value
  /// that has a secret's name.
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

  /// Arguments with spaces between them, and with marks.
  public func applied(to arguments: [String]) -> String {
    applied(to: (hidesSecrets ? SecretNames.hidden(in: arguments) : arguments).joined(separator: " "))
  }

  /// The value of a variable of the environment.
  public func applied(to value: String, of name: String) -> String {
    if hidesSecrets, !value.isEmpty, SecretNames.isSecret(variable: name) { return Self.mark }
    return applied(to: value)
  }
}

private final class Expression: @unchecked Sendable {
  struct Problem: Error { var text: String }

  // regexec(3) may be called by several threads at once.
  private var compiled = regex_t()

  init(_ pattern: String) throws(Problem) {
    let result = (pattern.originalBytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { regcomp(&compiled, $0.baseAddress, REG_EXTENDED) }
    }
    if result == 0 { return }
    var message = [CChar](repeating: 0, count: 200)
    regerror(result, &compiled, &message, message.count)
    throw Problem(text: String(escaping: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }))
  }

  deinit { regfree(&compiled) }

  /// The next match at or behind `start`: as a whole, and its groups.
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
      // Groups may hold each other.
      for place in match.groups.isEmpty ? [match.whole] : match.groups where place.lowerBound >= copied {
        result += bytes[copied..<place.lowerBound] + Array(Redaction.mark.utf8)
        copied = place.upperBound
      }
      next = max(match.whole.upperBound, next + 1)
    }
    return result + bytes[copied...]
  }
}
