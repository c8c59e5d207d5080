/// A piece of a sentence in the sources of documents.
///
/// The sources are a small part of Markdown: `literal` between backquotes, *argument* between asterisks, and
/// references to manual pages such as regex(7).
enum Inline: Equatable {
  case text(String)
  case literal(String)
  case argument(String)
  case page(name: String, section: String)

  static func parse(_ source: String) -> [Inline] {
    var pieces: [Inline] = []
    for (index, part) in source.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
      if !index.isMultiple(of: 2) {
        pieces.append(.literal(String(part)))
        continue
      }
      for (index, part) in part.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
        pieces += index.isMultiple(of: 2) ? references(in: String(part)) : [.argument(String(part))]
      }
    }
    return pieces.filter { $0 != .text("") }
  }

  private static func references(in text: String) -> [Inline] {
    var pieces: [Inline] = []
    var rest = text[...]
    while let match = rest.firstMatch(of: /([a-z][a-z-]*)\(([1-8])\)/) {
      pieces.append(.text(String(rest[..<match.range.lowerBound])))
      pieces.append(.page(name: String(match.output.1), section: String(match.output.2)))
      rest = rest[match.range.upperBound...]
    }
    return pieces + [.text(String(rest))]
  }

  /// Puts backquotes around options, variables and names of files, for texts that have none.
  static func marked(_ text: String) -> String {
    text.replacing(/--(?:[a-z][a-z-]*|(?= ))|\b(?:DUCT_[A-Z_]+|[a-z]+\.jsonl?)\b/) { "`\($0.output)`" }
  }
}
