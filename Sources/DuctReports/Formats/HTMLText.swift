internal import RecordText

extension String {
  /// The text for HTML and SVG, between tags and in quoted values of attributes.
  ///
  /// The characters that have a meaning there become references. What `forDisplay` would replace is shown as an escape
  /// (`\x1b`, `\u202e`, `\xff`): a name can contain any bytes, and must neither change how the text beside it is shown
  /// nor look like another one.
  var htmlEscaped: String {
    let isPlain = utf8.allSatisfy {
      (0x20...0x7E).contains($0) && $0 != 0x26 && $0 != 0x3C && $0 != 0x3E && $0 != 0x22 && $0 != 0x27
    }
    if isPlain { return self }
    var text = ""
    text.reserveCapacity(utf8.count + 16)
    for scalar in escapedForDisplay.unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
