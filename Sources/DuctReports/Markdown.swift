/// Text of others in Markdown (CommonMark with GitHub's tables): it shows as it is, whatever is in it.
extension String {
  /// For running text, headings and the cells of tables.
  ///
  /// An underscore within a word is left alone: it marks nothing, and states and file names are full of
  /// them.
  var markdownEscaped: String {
    // By scalars: a mark that a combining accent follows is a mark all the same.
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

  /// `code` in running text. Within it there are no escapes: backticks are outnumbered.
  var markdownCode: String {
    let fence = String(repeating: "`", count: longestBackticks(self) + 1)
    let space = unicodeScalars.first == "`" || unicodeScalars.last == "`" ? " " : ""
    return fence + space + self + space + fence
  }
}

/// Lines as a block that none of them ends.
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
