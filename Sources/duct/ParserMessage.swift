import ArgumentParser
import DuctSettings
import RecordText

/// Turns a message of the argument parser into one line, and adds what the user probably meant.
struct ParserMessage {
  /// The name of the program in messages.
  let program: String
  let command: any ParsableCommand.Type
  /// The command line.
  let words: [String]

  /// Subcommands of con-duct that duct does not have.
  private static let notThereYet = ["plot", "pp"]

  /// The message about a first word that is neither a subcommand nor an option; nil if it is one of these.
  var unknownSubcommand: String? {
    let known = command.configuration.subcommands.map { $0.configuration.commandName ?? "" } + ["help"]
    guard !known.dropLast().isEmpty, var word = words.first else { return nil }
    if word == "help" { word = words.dropFirst().first ?? word }
    if known.contains(word) || word.utf8.first == UInt8(ascii: "-") { return nil }
    if Self.notThereYet.contains(word) {
      return "subcommand '\(word)' is not there yet; con-duct from PyPI has it, and reads duct's records"
    }
    return Suggestion.unknown("subcommand", word, among: known, program: program)
  }

  func line(_ message: String) -> String {
    if let name = quoted(message, after: "Unknown option '", upTo: "'") {
      return Suggestion.unknown("option", name, among: optionNames, program: helped)
    }
    let start = "The value '"
    let middle = "' is invalid for '"
    if let value = quoted(message, after: start, upTo: middle),
      let name = quoted(message, after: start + value + middle, upTo: "'"),
      case let choices = choices(of: name), !choices.isEmpty
    {
      return start + value + middle + "\(name)': \(Suggestion.advice(on: value, choices: choices))"
    }
    let words = Self.joined(message)
    // The message of a value may say where to look already.
    return words.hasSuffix(" --help") ? words : "\(words); see \(helped) --help"
  }

  /// The command whose help is the nearest: with the subcommand, if the line has one.
  private var helped: String {
    let known = command.configuration.subcommands.compactMap { $0.configuration.commandName }
    return words.first.map { known.contains($0) ? "\(program) \($0)" : program } ?? program
  }

  /// The part of a message between `start`, with which it must begin, and the next `end`.
  private func quoted(_ message: String, after start: String, upTo end: String) -> String? {
    guard message.hasPrefix(start), let found = message.dropFirst(start.count).firstRange(of: end) else {
      return nil
    }
    return String(message.dropFirst(start.count)[..<found.lowerBound])
  }

  /// Joins the lines of a message. The argument parser puts each choice on its own line.
  private static func joined(_ message: String) -> String {
    let lines = message.split(separator: "\n")
    guard let first = lines.first else { return message }
    let choices = lines.dropFirst().map { $0.drop { $0 == " " || $0 == "-" } }
    let text = choices.isEmpty ? String(first) : first + " " + choices.joined(separator: ", ")
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  // MARK: What the parser knows

  /// The arguments of the subcommand, or of the command if it has no subcommands, as the argument parser describes
  /// them in its JSON form.
  private var arguments: [JSONValue] {
    guard let tool = try? JSONParser.parse(Array(command._dumpHelp().utf8)) else { return [] }
    let subcommand = tool["command"]?["subcommands"]?.array?.first {
      $0["commandName"]?.string == words.first
    }
    return (subcommand ?? tool["command"])?["arguments"]?.array ?? []
  }

  private func names(of argument: JSONValue) -> [String] {
    (argument["names"]?.array ?? []).compactMap { name in
      name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
    }
  }

  private var optionNames: [String] {
    arguments.filter { $0["shouldDisplay"] == true }.flatMap(names)
  }

  /// - Parameter option: with its value, as in messages: `--format <format>`.
  private func choices(of option: String) -> [String] {
    let name = String(option.prefix { $0 != " " })
    let argument = arguments.first { names(of: $0).contains(name) }
    return (argument?["allValues"]?.array ?? []).compactMap(\.string)
  }
}
