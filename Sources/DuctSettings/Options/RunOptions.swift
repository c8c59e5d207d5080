/// The options and the command that a command line contains, as text.
public struct RunOptions: Sendable, Equatable {
  struct Given: Sendable, Equatable {
    /// An index into `RunOption.all`.
    var option: Int
    /// Empty for a flag.
    var text: String
  }

  /// In the order of `RunOption.all`, with one text for each option that is no list.
  private(set) var given: [Given] = []
  /// The command and its arguments, byte for byte.
  public var command: [[UInt8]] = []

  public init() {}

  /// Adds what the command line says of an option. The last text wins, unless the option is a list.
  ///
  /// - Parameter option: an index into `RunOption.all`.
  public mutating func add(_ text: String, to option: Int) {
    if !RunOption.all[option].value.isList { given.removeAll { $0.option == option } }
    let place = given.firstIndex { $0.option > option } ?? given.endIndex
    given.insert(Given(option: option, text: text), at: place)
  }

  func has(_ option: Int) -> Bool { given.contains { $0.option == option } }

  /// The text of the option with this name, and nil if the command line does not contain it.
  public subscript(name: String) -> String? {
    guard let option = RunOption.index(of: name) else { return nil }
    return given.last { $0.option == option }?.text
  }
}
