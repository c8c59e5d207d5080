import DuctSettings
import RecordText

extension RunOption {
  /// The names and the value: `-l`, `--log-level` *level*.
  var term: String {
    let names = [short, name, alias].compactMap { $0 }.map { "`\($0)`" }.joined(separator: ", ")
    if isFlag { return names }
    return value.alone == nil ? "\(names) *\(valueName)*" : "\(names)[`=`*\(valueName)*]"
  }

  /// All that is known about the option, in sentences.
  var text: String {
    let titles = ["default": "Default", "values": "Values", "environment": "Environment variable"]
    let facts = facts.map { "\(titles[$0.name] ?? $0.name): \($0.text)." }
    return ([help, details].filter { !$0.isEmpty } + facts).joined(separator: " ")
  }
}

/// What `con-duct --experimental-dump-help` says about the subcommands.
struct ProgramDescription {
  let subcommands: [Subcommand]

  init(_ json: [UInt8]) throws {
    let document = try JSONParser.parse(json)
    // `run` has the options of `RunOption`, and `help` none.
    subcommands = (document["command"]?["subcommands"]?.array ?? []).map(Subcommand.init)
      .filter { !["run", "help"].contains($0.name) }
  }
}

struct Subcommand {
  let name: String
  let abstract: String
  let options: [SubcommandOption]
  let arguments: [SubcommandOption]

  init(_ json: JSONValue) {
    name = json["commandName"]?.string ?? ""
    abstract = json["abstract"]?.string ?? ""
    let all = (json["arguments"]?.array ?? []).filter { $0["shouldDisplay"] == true }.map(
      SubcommandOption.init)
    arguments = all.filter(\.names.isEmpty)
    var options = all.filter {
      !$0.names.isEmpty && !$0.names.contains("--version") && !$0.names.contains("--help")
    }
    // A flag and its opposite, as in --refresh and --no-refresh, are one item.
    for (index, option) in options.enumerated().reversed() where index > 0 && option.text.isEmpty == false {
      if option.names == ["--no-" + options[index - 1].names[0].dropFirst(2)] {
        options[index - 1].names += option.names
        options.remove(at: index)
      }
    }
    self.options = options
  }
}

struct SubcommandOption {
  var names: [String]
  let valueName: String?
  let isRepeating: Bool
  let text: String

  /// The name for the synopsis: of a flag and its opposite, the one that is not the default.
  var shortestName: String? { names.last?.hasPrefix("--no-") == true ? names.last : names.first }

  var term: String {
    let names = names.map { "`\($0)`" }.joined(separator: ", ")
    guard let valueName else { return names }
    return (names.isEmpty ? "" : names + " ") + "*\(valueName)*" + (isRepeating ? " ..." : "")
  }

  init(_ json: JSONValue) {
    names = (json["names"]?.array ?? []).compactMap { name in
      name["name"]?.string.map { (name["kind"]?.string == "short" ? "-" : "--") + $0 }
    }
    let isFlag = json["kind"]?.string == "flag"
    valueName = isFlag ? nil : json["valueName"]?.string
    isRepeating = json["isRepeating"] == true
    var text = Inline.marked(json["abstract"]?.string ?? "")
      .replacing(/\ \((?:default: ([^;)]*))?(?:; )?(?:environment: ([^)]*))?\)$/) { match in
        let (standing, variable) = (match.output.1, match.output.2)
        return (standing.map { " Default: \($0)." } ?? "")
          + (variable.map { " Environment variable: \($0)." } ?? "")
      }
    if let value = json["defaultValue"]?.string { text += " Default: `\(value)`." }
    let choices = (json["allValues"]?.array ?? []).compactMap(\.string).map { "`\($0)`" }
    if !choices.isEmpty { text += " Values: \(choices.joined(separator: ", "))." }
    self.text = text
  }
}
