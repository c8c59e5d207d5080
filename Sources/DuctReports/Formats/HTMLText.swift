internal import RecordText

extension String {
  /// The text for HTML and SVG, between tags and in quoted values of attributes.
  ///
  /// The characters that have a meaning there become references. What `forDisplay` would replace is shown as an escape
  /// (`\x1b`, `\u202e`, `\xff`): a name can contain any bytes, and must neither change how the text beside it is shown
  /// nor look like another one.
  var htmlEscaped: String { escapedForDisplay.withHTMLReferences }
}
