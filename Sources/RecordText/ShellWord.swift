extension String {
  /// The text quoted as one word of a shell command, for commands that a user may copy.
  public var shellWord: String {
    let isPlain = unicodeScalars.allSatisfy {
      $0.isASCII
        && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "/._-+,:@%".unicodeScalars.contains($0))
    }
    if isPlain, !isEmpty { return self }
    // By scalars: a quote with a combining accent is one character for Swift, but still a quote for the shell.
    let parts = unicodeScalars.split(separator: "'", omittingEmptySubsequences: false)
    return "'" + parts.map { String($0) }.joined(separator: "'\\''") + "'"
  }
}
