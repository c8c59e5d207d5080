/// Escapes text from users and jobs for Markdown (CommonMark with GitHub's tables), so that any text appears
/// unchanged.
extension String {
  /// The text for paragraphs, headings and table cells.
  ///
  /// An underscore inside a word is not escaped: it has no meaning there, and states and file names contain
  /// many.
  var markdownEscaped: String {
    // Go by scalars: a special character with a combining accent behind it is still special.
    var text = String.UnicodeScalarView()
    var before: Unicode.Scalar = " "
    for (scalar, after) in zip(unicodeScalars, Array(unicodeScalars.dropFirst()) + [" "]) {
      if scalar == "_" {
        if !(before.isWordPart && after.isWordPart) { text.append("\\") }
      } else if #"\`*[]<>|#&~$"#.unicodeScalars.contains(scalar) {
        text.append("\\")
      }
      text.append(scalar)
      before = scalar
    }
    return String(text)
  }

  /// The text as a code span. A code span has no escapes, so its fence is longer than any run of backticks in
  /// the text.
  var markdownCode: String {
    let fence = String(repeating: "`", count: longestBackticks(self) + 1)
    let space = unicodeScalars.first == "`" || unicodeScalars.last == "`" ? " " : ""
    return fence + space + self + space + fence
  }
}

/// The lines as a code block. Its fence is longer than any run of backticks in the lines, so none of them ends
/// it.
func markdownBlock(_ lines: [String]) -> String {
  let fence = String(repeating: "`", count: max(3, (lines.map(longestBackticks).max() ?? 0) + 1))
  return "\(fence)\n" + lines.map { $0 + "\n" }.joined() + "\(fence)\n"
}

private func longestBackticks(_ text: String) -> Int {
  text.unicodeScalars.split { $0 != "`" }.map(\.count).max() ?? 0
}

extension Unicode.Scalar {
  fileprivate var isWordPart: Bool { properties.isAlphabetic || properties.numericType != nil }
}
