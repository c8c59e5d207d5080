/// A hand-written source of a manual page, in a small part of Markdown.
///
/// - `# name: abstract` in the first line, and `Date: …` in the second
/// - `## TITLE` and `### Title` start a section and a subsection
/// - paragraphs, which end at an empty line
/// - four spaces before lines of examples
/// - a term, and in the next line `: ` before its explanation
/// - `@usage`, `@options`, `@variables`, `@synopsis NAME` and `@options NAME` stand for generated text
struct PageSource {
  enum Block: Equatable {
    case section(String)
    case subsection(String)
    case paragraph(String)
    case example([String])
    case definition(term: String, text: String)
    /// A word behind `@`, and its argument.
    case generated(String, String?)
  }

  var name = ""
  var abstract = ""
  var date = ""
  private(set) var blocks: [Block] = []

  init(_ text: String) {
    for lines in text.split(separator: "\n", omittingEmptySubsequences: false)
      .split(whereSeparator: { $0.isEmpty })
    { read(lines.map(String.init)) }
  }

  /// Reads lines without an empty one between them.
  private mutating func read(_ lines: [String]) {
    guard let first = lines.first else { return }
    if first.hasPrefix("# ") {
      let parts = first.dropFirst(2).split(separator: ": ", maxSplits: 1)
      name = String(parts.first ?? "")
      abstract = String(parts.last ?? "")
      date = lines.dropFirst().first.map { String($0.dropFirst("Date: ".count)) } ?? ""
    } else if first.hasPrefix("## ") {
      blocks.append(.section(String(first.dropFirst(3))))
    } else if first.hasPrefix("### ") {
      blocks.append(.subsection(String(first.dropFirst(4))))
    } else if first.hasPrefix("@") {
      for line in lines {
        let words = line.dropFirst().split(separator: " ").map(String.init)
        blocks.append(.generated(words.first ?? "", words.dropFirst().first))
      }
    } else if first.hasPrefix("    ") {
      blocks.append(.example(lines.map { String($0.dropFirst(4)) }))
    } else if lines.count > 1, lines[1].hasPrefix(": ") {
      let text = lines.dropFirst().joined(separator: " ").dropFirst(2)
      blocks.append(.definition(term: first, text: String(text)))
    } else {
      blocks.append(.paragraph(lines.joined(separator: " ")))
    }
  }
}
