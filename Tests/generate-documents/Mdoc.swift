/// Writes sentences in the language of manual pages, see mdoc(7).
enum Mdoc {
  /// In characters, as mandoc(1) recommends.
  private static let longestLine = 80

  /// Lines of running text. Each sentence starts a line, and each word with a macro has its own.
  static func lines(_ source: String) -> [String] {
    var lines: [String] = []
    var text: [String] = []
    func flush() {
      if !text.isEmpty { lines.append(protected(text.joined(separator: " "))) }
      text = []
    }
    for word in words(source) {
      if case .text(let plain)? = word.first, word.count == 1 {
        let length = text.reduce(plain.count) { $0 + 1 + $1.count }
        if length > longestLine { flush() }
        text.append(escaped(plain))
        if plain.hasSuffix(".") || plain.hasSuffix(".)") { flush() }
      } else {
        flush()
        lines.append("." + macros(word).joined(separator: " "))
      }
    }
    flush()
    return lines
  }

  /// The words of `source` as arguments of a macro line such as `.It`.
  static func arguments(_ source: String) -> String {
    words(source).map { word in
      if case .text(let plain)? = word.first, word.count == 1 {
        return plain.count == 1 && closing.contains(plain) ? plain : "No " + argument(plain)
      }
      return macros(word).joined(separator: " ")
    }.joined(separator: " ")
  }

  // MARK: Words

  private static let closing = ".,:;)]?!"

  /// Splits at white space outside of literals.
  private static func words(_ source: String) -> [[Inline]] {
    var words: [[Inline]] = [[]]
    for piece in Inline.parse(source) {
      guard case .text(let text) = piece else {
        words[words.count - 1].append(piece)
        continue
      }
      for (index, part) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
        if index > 0 { words.append([]) }
        if !part.isEmpty { words[words.count - 1].append(.text(String(part))) }
      }
    }
    return words.filter { !$0.isEmpty }
  }

  /// A word with at least one macro. What stands before and after a macro joins it without a space.
  private static func macros(_ word: [Inline]) -> [String] {
    var output: [String] = []
    for (index, piece) in word.enumerated() {
      switch piece {
      case .literal(let text): output += join(literal(text), output)
      case .argument(let text): output += join(["Ar", argument(text)], output)
      case .page(let name, let section): output += join(["Xr", name, section], output)
      case .text(let text):
        if index == 0 {
          output = ["No", argument(text), "Ns"]
          continue
        }
        // Closing punctuation may be an argument of the macro; the rest joins it.
        let rest = text.prefix { !closing.contains($0) }
        if !rest.isEmpty { output += ["Ns", "No", argument(String(rest))] }
        let end = text.dropFirst(rest.count)
        if end.allSatisfy({ closing.contains($0) }) {
          output += end.map(String.init)
        } else {
          output += ["Ns", "No", argument(String(end))]
        }
        if index < word.count - 1 { output.append("Ns") }
      }
    }
    return output
  }

  private static func join(_ macro: [String], _ output: [String]) -> [String] {
    output.isEmpty || output.last == "Ns" ? macro : ["Ns"] + macro
  }

  // MARK: Literals

  private static func literal(_ text: String) -> [String] {
    if ["duct", "con-duct", "duct-relay", "duct-slurm"].contains(text) { return ["Nm", text] }
    if text.hasPrefix("-"), !text.contains(" "), text.wholeMatch(of: /-[0-9]/) == nil {
      return ["Fl", argument(String(text.dropFirst()))]
    }
    if let match = text.wholeMatch(of: /--([a-z-]+) ([A-Z]+)/) {
      return ["Fl", argument("-" + match.output.1), "Cm", String(match.output.2)]
    }
    if let match = text.wholeMatch(of: /\$?([A-Z]+_[A-Z_]+|TMPDIR)/) {
      return ["Ev", String(match.output.1)]
    }
    if text.wholeMatch(of: /SIG[A-Z0-9]+/) != nil { return ["Dv", text] }
    if text.contains("/") || text.contains(/\.(jsonl?|env)\b/) { return ["Pa", argument(text)] }
    return ["Cm", argument(text)]
  }

  // MARK: Characters

  /// An argument of a macro: in quotes if it has spaces, and not taken for a macro itself.
  private static func argument(_ text: String) -> String {
    let escaped = escaped(text)
    if text.contains(" ") { return "\"\(escaped.replacing("\"", with: "\\(dq"))\"" }
    let isMacro = text.wholeMatch(of: /[A-Z%][a-zA-Z0-9]{1,2}/) != nil
    let isPunctuation = text.allSatisfy { closing.contains($0) || "([|".contains($0) }
    return isMacro || isPunctuation ? "\\&" + escaped : escaped
  }

  static func escaped(_ text: String) -> String {
    let text = text.replacing("\\", with: "\\e")
    // A minus stays one that a terminal can copy.
    return text.wholeMatch(of: /-[0-9.]+[.,;:]?/) != nil ? "\\" + text : text
  }

  /// A line of text that is not taken for a macro.
  private static func protected(_ line: String) -> String {
    line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
  }
}
