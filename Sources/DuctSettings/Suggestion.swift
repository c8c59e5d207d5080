/// Finds what someone meant by a mistyped word.
public enum Suggestion {
  /// Words longer than this, in Unicode scalars, are not compared.
  private static let longestWord = 64
  /// The largest number of typing errors in a long word.
  private static let mostErrors = 4

  /// The candidate nearest to `word`; nil if none is near.
  ///
  /// A candidate is near if it, or its beginning, is at most a third of the word's length away. The distance is the
  /// number of typing errors: a letter too many, missing or wrong, or two neighbors in the wrong order. So `--sam`
  /// and `--samplee` both mean `--sample-interval`. Upper and lower case are the same.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    let scalars = folded(word)
    guard !scalars.isEmpty, scalars.count <= longestWord else { return nil }
    // With one error, a single letter would be near to everything.
    let limit = scalars.count == 1 ? 0 : min(max(scalars.count / 3, 1), mostErrors)
    var best: (candidate: String, distance: Distance)?
    for candidate in candidates {
      let distance = distance(scalars, folded(candidate))
      guard min(distance.beginning, distance.whole) <= limit else { continue }
      if let best, best.distance <= distance { continue }
      best = (candidate, distance)
    }
    return best?.candidate
  }

  /// The message about a word that should be the name of an option, of a subcommand or of something else.
  ///
  /// - Parameters:
  ///   - word: the message does not repeat a value behind a `=`.
  ///   - program: the command whose `--help` to point to, if no candidate is near.
  public static func unknown(
    _ kind: String, _ word: String, among candidates: [String], program: String
  ) -> String {
    let name = word.utf8.firstIndex(of: UInt8(ascii: "=")).map { String(word[..<$0]) } ?? word
    let advice = nearest(to: name, among: candidates).map { "did you mean '\($0)'?" }
    return "unknown \(kind) '\(name)'; \(advice ?? "see \(program) --help")"
  }

  /// What a message says after `word`, which is none of `choices`.
  static func refusal(of word: String, choices: [String]) -> String {
    let list = "is none of \(choices.joined(separator: ", "))"
    return nearest(to: word, among: choices).map { "\(list); did you mean '\($0)'?" } ?? list
  }

  /// What to give instead of `word`, which is none of `choices`, as a sentence without its end.
  public static func advice(on word: String, choices: [String]) -> String {
    let quoted = choices.map { "'\($0)'" }
    let list =
      quoted.count < 2
      ? quoted[...] : [quoted.dropLast().joined(separator: ", "), quoted[quoted.count - 1]][...]
    let sentence = "lease provide one of \(list.joined(separator: " or "))"
    return nearest(to: word, among: choices).map { "did you mean '\($0)'? P\(sentence)" } ?? "p\(sentence)"
  }

  private struct Distance: Comparable {
    /// From the word to the nearest beginning of the candidate.
    var beginning: Int
    /// From the word to the whole candidate.
    var whole: Int

    static func < (left: Self, right: Self) -> Bool {
      (left.beginning, left.whole) < (right.beginning, right.whole)
    }
  }

  /// Without leading dashes, which are the same in all options, and in lower case.
  private static func folded(_ word: String) -> [Unicode.Scalar] {
    // The limit comes first: a word can have a megabyte.
    word.unicodeScalars.prefix(longestWord + 3).drop { $0 == "-" }.map { scalar in
      ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 0x20) : scalar
    }
  }

  /// The Damerau-Levenshtein distance, with each pair of neighbors swapped at most once (optimal string alignment).
  private static func distance(_ word: [Unicode.Scalar], _ candidate: [Unicode.Scalar]) -> Distance {
    // `rows[i][j]` is the distance of the first i scalars of the word to the first j of the candidate.
    var rows = [Array(0...candidate.count)]
    for i in 1...word.count {
      var row = [i]
      for j in 0..<candidate.count {
        let isSame = word[i - 1] == candidate[j]
        var cost = min(row[j] + 1, rows[i - 1][j + 1] + 1, rows[i - 1][j] + (isSame ? 0 : 1))
        if i > 1, j > 0, word[i - 1] == candidate[j - 1], word[i - 2] == candidate[j] {
          cost = min(cost, rows[i - 2][j - 1] + 1)
        }
        row.append(cost)
      }
      rows.append(row)
    }
    let last = rows[word.count]
    return Distance(beginning: last.min() ?? word.count, whole: last[candidate.count])
  }
}
