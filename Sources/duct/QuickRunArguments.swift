import DuctSettings
import RecordText

/// Reads the command line of a run if it is plainly right.
///
/// The argument parser takes two milliseconds for the options of a run, because it looks up the conformances of types at
/// run time. That would double the time until the command starts. So duct calls it only for the rest: help, errors, and
/// words in an unusual form. A test compares the two over many command lines.
///
/// Compares bytes instead of characters: an accent behind a `-` or `=` would form one character with it.
enum QuickRunArguments {
  /// The options, if this reader understands every word. Nil leaves the line to `RunArguments`.
  static func parse(_ words: [String]) -> RunOptions? {
    var options = RunOptions()
    var rest = words[...]
    while let word = rest.first, startsWithDash(word), word.utf8.count > 1 {
      rest.removeFirst()
      if word == "--" { break }
      guard readOption(word, &rest, &options) else { return nil }
    }
    guard let command = rest.first, !command.isEmpty else { return nil }
    options.command = rest.map(\.originalBytes)
    return options
  }

  private static func startsWithDash(_ word: String) -> Bool { word.utf8.first == UInt8(ascii: "-") }

  /// False for an unknown name, and for a value that is missing.
  private static func readOption(
    _ word: String, _ rest: inout ArraySlice<String>, _ options: inout RunOptions
  ) -> Bool {
    var name = word
    var value: String?
    if word.hasPrefix("--"), let mark = word.utf8.firstIndex(of: UInt8(ascii: "=")) {
      name = String(word[..<mark])
      value = String(word[word.utf8.index(after: mark)...])
    }
    guard let index = RunOption.index(of: name) else { return false }
    let option = RunOption.all[index]
    if option.isFlag {
      if value != nil { return false }
      options.add("", to: index)
      return true
    }
    if value == nil, let alone = option.value.alone {
      // A value that stands apart is refused there.
      if let next = rest.first, option.value.choices.contains(next) { return false }
      value = alone
    }
    if value == nil {
      // A word that looks like an option may stand where the user forgot a value: the argument parser decides.
      guard let next = rest.first, !startsWithDash(next) else { return false }
      rest.removeFirst()
      value = next
    }
    guard let value else { return false }
    options.add(value, to: index)
    return true
  }
}
