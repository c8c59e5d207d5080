extension String {
  /// The text as a word that a shell reads as it stands here: for commands that a user may copy.
  public var shellWord: String {
    let isPlain = unicodeScalars.allSatisfy {
      $0.isASCII
        && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || "/._-+,:@%".unicodeScalars.contains($0))
    }
    if isPlain, !isEmpty { return self }
    // By scalars: a quote with an accent on it is one character, and a quote all the same.
    let parts = unicodeScalars.split(separator: "'", omittingEmptySubsequences: false)
    return "'" + parts.map { String($0) }.joined(separator: "'\\''") + "'"
  }
}
