internal import RecordText

/// Recognizes secrets (tokens, passwords, keys) by their names.
///
/// Slurm puts a token into `SLURM_JWT` that works for anyone who has it, and records are often readable by all
/// users.
enum SecretNames {
  /// Whether an environment variable holds a secret: `*_JWT`, `*TOKEN*`, `*PASSWORD*`, `*SECRET*`, `*_KEY`.
  static func isSecret(variable name: String) -> Bool { isSecretVariable(Array(name.utf8)) }

  /// A command line with a mark in place of each secret: values in `NAME=value` and `--name value`.
  ///
  /// A value ends at white space, because the text does not show where an argument ends. A value in quotes ends
  /// at the closing quote.
  static func hidden(in line: String) -> String {
    guard line.utf8.contains(equals) || line.utf8.contains(dash) else { return line }
    let bytes = Array(line.utf8)
    var result: [UInt8] = []
    var (copied, at) = (0, 0)
    while at < bytes.count {
      guard isOfName(bytes[at]) else {
        at += 1
        continue
      }
      let start = at
      while at < bytes.count, isOfName(bytes[at]) { at += 1 }
      guard at < bytes.count, let value = value(behind: bytes[start..<at], in: bytes) else { continue }
      result += bytes[copied..<value.lowerBound] + Array(Redaction.mark.utf8)
      (copied, at) = (value.upperBound, value.upperBound)
    }
    return copied == 0 ? line : String(decoding: result + bytes[copied...], as: UTF8.self)
  }

  /// The same for separate arguments.
  static func hidden(in arguments: [String]) -> [String] {
    var isValue = false
    return arguments.map { argument in
      let bytes = Array(argument.utf8)
      // A secret may begin with one dash. Two dashes begin the next option.
      if isValue, !bytes.starts(with: [dash, dash]) {
        isValue = false
        return Redaction.mark
      }
      isValue = isSecretOption(bytes[...])
      let name = bytes.prefix(while: isOfName)
      if name.count < bytes.count, bytes[name.count] == equals, isSecret(name) {
        return String(decoding: name, as: UTF8.self) + "=" + Redaction.mark
      }
      return hidden(in: argument)
    }
  }

  /// The range of the value after a name, if the name is that of a secret.
  private static func value(behind name: ArraySlice<UInt8>, in bytes: [UInt8]) -> Range<Int>? {
    var start = name.endIndex
    if bytes[start] == equals {
      guard isSecret(name) else { return nil }
      start += 1
    } else {
      guard bytes[start] == UInt8(ascii: " "), isSecretOption(name), start + 1 < bytes.count,
        !bytes[(start + 1)...].starts(with: [dash, dash])
      else { return nil }
      start += 1
    }
    guard start < bytes.count else { return nil }
    var end = start
    if [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(bytes[start]) {
      end = bytes[(start + 1)...].firstIndex(of: bytes[start]).map { $0 + 1 } ?? bytes.count
    } else {
      while end < bytes.count, bytes[end] > UInt8(ascii: " ") { end += 1 }
    }
    return end > start ? start..<end : nil
  }

  // MARK: Names

  private static let (equals, dash) = (UInt8(ascii: "="), UInt8(ascii: "-"))

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func isSecret(_ name: ArraySlice<UInt8>) -> Bool {
    let isVariable = !name.contains { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == dash }
    return isVariable && isSecretVariable(Array(name)) || hasSecretEnd(name)
  }

  private static func isSecretVariable(_ name: [UInt8]) -> Bool {
    let name = upper(name)
    func contains(_ word: String) -> Bool {
      let word = Array(word.utf8)
      return name.indices.contains { name[$0...].starts(with: word) }
    }
    func ends(_ word: String) -> Bool { name.suffix(word.utf8.count).elementsEqual(word.utf8) }
    return ends("_JWT") || ends("_KEY") || contains("TOKEN") || contains("PASSWORD") || contains("SECRET")
  }

  private static func isSecretOption(_ word: ArraySlice<UInt8>) -> Bool {
    word.starts(with: [dash, dash]) && hasSecretEnd(word)
  }

  /// Whether a name ends like that of a secret. Only its last words count: `--max-tokens` and `--tokenizer` are
  /// no secrets.
  private static func hasSecretEnd(_ name: ArraySlice<UInt8>) -> Bool {
    let words = upper(Array(name)).split { $0 == dash || $0 == UInt8(ascii: "_") }.map {
      String(decoding: $0, as: UTF8.self)
    }
    guard let last = words.last else { return false }
    if ["TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "JWT", "APIKEY"].contains(last) {
      return true
    }
    return last == "KEY" && words.count > 1
      && ["API", "ACCESS", "SECRET", "PRIVATE", "AUTH", "ENCRYPTION"].contains(words[words.count - 2])
  }

  private static func upper(_ bytes: [UInt8]) -> [UInt8] {
    bytes.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 0x20 : $0 }
  }
}
