import ArgumentParser
import DuctRecords
import DuctSettings

/// A key of the argument parser's values: the name of an option or an argument.
struct OptionKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension RunOption {
  /// The option for the argument parser.
  var declaration: any Sendable {
    if isFlag { return Flag(wrappedValue: false, name: names, help: ArgumentHelp(helpText)) }
    let help = ArgumentHelp(helpText, valueName: valueName)
    let completion: CompletionKind? =
      switch value.form {
      // A word behind an option that may stand alone is the command.
      case .choice: value.alone == nil ? .list(value.choices) : nil
      case .directory: .directory
      default: nil
      }
    if value.isList {
      return Option<[String]>(
        wrappedValue: [], name: names, parsing: .unconditionalSingleValue, help: help, completion: completion)
    }
    return Option<String?>(
      name: names, parsing: value.mayStartWithDash ? .unconditional : .next, help: help,
      completion: completion)
  }

  private var names: NameSpecification {
    var names: [NameSpecification.Element] = []
    if let letter = short?.last { names.append(.customShort(letter, allowingJoined: !isFlag)) }
    for name in [name, alias] {
      if let name { names.append(.customLong(String(name.dropFirst(2)))) }
    }
    return NameSpecification(names)
  }
}

extension RunOption {
  /// The words of a run with a value for each option that may stand alone: the argument parser knows no such options, and
  /// would take the command for the value.
  ///
  /// - Throws: `UsageError` if one of its values stands apart, where the command should be.
  static func withValues(_ words: [String]) throws(UsageError) -> [String] {
    var words = words
    var place = 0
    // Up to the command.
    while place < words.count, words[place].utf8.first == UInt8(ascii: "-"),
      !["-", "--"].contains(words[place])
    {
      let found = index(of: words[place]).map { all[$0] }
      if let found, let alone = found.value.alone {
        if place + 1 < words.count, found.value.choices.contains(words[place + 1]) {
          let (name, value) = (words[place], words[place + 1])
          throw UsageError(
            "'\(value)' stands where the command should be: write \(name)=\(value), or -- in front of a command of that name"
          )
        }
        words[place] += "=\(alone)"
      } else if let found, !found.isFlag {
        place += 1
      }
      place += 1
    }
    return words
  }
}

extension RunOptions {
  /// The options that the argument parser has read.
  ///
  /// - Parameter indices: of the declared options, in `RunOption.all`.
  init(_ indices: some Sequence<Int>, _ values: KeyedDecodingContainer<OptionKey>) throws {
    self.init()
    for index in indices {
      let option = RunOption.all[index]
      let key = OptionKey(stringValue: option.name)
      if option.isFlag {
        if try values.decode(Flag<Bool>.self, forKey: key).wrappedValue { add("", to: index) }
      } else if option.value.isList {
        for text in try values.decode(Option<[String]>.self, forKey: key).wrappedValue {
          add(text, to: index)
        }
      } else if let text = try values.decode(Option<String?>.self, forKey: key).wrappedValue {
        add(text, to: index)
      }
    }
  }
}
