internal import DuctRecords
internal import RecordText

extension RunOption {
  /// The value of an option: how it is written, and which member of `RunSettings` it sets.
  public struct Value: Sendable {
    public enum Form: Sendable, Equatable {
      /// No value on the command line. Any text but the empty one sets it in the environment.
      case flag
      case text
      /// A path of a directory.
      case directory
      case number
      /// A number of bytes, such as `500M`.
      case size
      /// One of `choices`.
      case choice
    }

    /// Sets a member. Throws what is wrong with the text, without the name of the option.
    typealias Reader =
      @Sendable (inout RunSettings, String, Surroundings) throws(UsageError) -> Void

    public let form: Form
    /// The next word on the command line is the value even if it starts with a dash.
    public let mayStartWithDash: Bool
    /// The option can be given several times, and each adds a value.
    public let isList: Bool
    /// What the option says if it stands alone. Nil: it needs a value. If not nil, a value must be behind a `=`, because
    /// the next word may be the command.
    public let alone: String?
    private let ignoresCase: Bool
    private let listChoices: @Sendable () -> [String]
    private let read: Reader
    private let show: @Sendable (RunSettings) -> String?

    init(
      _ form: Form, mayStartWithDash: Bool = false, isList: Bool = false, alone: String? = nil,
      ignoresCase: Bool = false, choices: @escaping @Sendable () -> [String] = { [] },
      show: @escaping @Sendable (RunSettings) -> String? = { _ in nil }, read: @escaping Reader
    ) {
      self.form = form
      self.mayStartWithDash = mayStartWithDash
      self.isList = isList
      self.alone = alone
      self.ignoresCase = ignoresCase
      listChoices = choices
      self.show = show
      self.read = read
    }

    /// The words of which the value is one. Empty if any text can be the value.
    public var choices: [String] { listChoices() }

    /// The value in `settings`; nil if there is none, or none that can be shown.
    func text(in settings: RunSettings) -> String? { show(settings) }

    /// - Throws: `UsageError` for a text that makes no sense, with the name of the option or variable in front.
    func set(
      _ text: String, of name: String, in settings: inout RunSettings, _ surroundings: Surroundings
    ) throws(UsageError) {
      do throws(UsageError) { try read(&settings, text, surroundings) } catch {
        throw UsageError("\(name): \(error.description)")
      }
    }

    /// True if an environment variable with an empty value is as good as none.
    var ignoresEmptyVariable: Bool {
      switch form {
      case .flag, .size: true
      case .choice: !ignoresCase
      case .text, .directory, .number: isList
      }
    }
  }
}

/// Values for members of the usual types.
///
/// The key paths are closures, because making one costs a microsecond at run time, and a run needs few of them.
extension RunOption.Value {
  typealias Member<Type> = @Sendable () -> WritableKeyPath<RunSettings, Type>

  static func flag(_ member: @autoclosure @escaping Member<Bool>) -> Self {
    Self(.flag) { settings, _, _ throws(UsageError) in settings[keyPath: member()] = true }
  }

  static func text(
    _ member: @autoclosure @escaping Member<String>, mayStartWithDash: Bool = false
  ) -> Self {
    Self(.text, mayStartWithDash: mayStartWithDash) { settings, text, _ throws(UsageError) in
      settings[keyPath: member()] = text
    }
  }

  /// A number of seconds.
  ///
  /// - Parameter check: throws if the number is out of range, and returns the number to use.
  static func seconds(
    _ member: @autoclosure @escaping Member<Double>,
    _ check: @escaping @Sendable (Double) throws(UsageError) -> Double
  ) -> Self {
    Self(.number, mayStartWithDash: true, show: { "\($0[keyPath: member()])" }) {
      settings, text, _ throws(UsageError) in
      guard let number = Double(text.trimmed), !number.isNaN else {
        throw UsageError("'\(text)' is no number of seconds")
      }
      settings[keyPath: member()] = try check(number)
    }
  }

  static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ member: @autoclosure @escaping Member<Choice>, alone: Choice? = nil, ignoresCase: Bool = false
  ) -> Self where Choice.AllCases == [Choice] {
    Self(
      .choice, alone: alone?.rawValue, ignoresCase: ignoresCase, choices: { Choice.allCases.map(\.rawValue) },
      show: { $0[keyPath: member()].rawValue }
    ) { settings, text, _ throws(UsageError) in
      guard let choice = Choice(rawValue: ignoresCase ? text.uppercased() : text) else {
        throw UsageError(
          "'\(text)' \(Suggestion.refusal(of: text, choices: Choice.allCases.map(\.rawValue)))")
      }
      settings[keyPath: member()] = choice
    }
  }
}

/// Checks of numbers of seconds.
enum Seconds {
  /// More than 0 s, and at least `least`.
  static func atLeast(_ least: Double) -> @Sendable (Double) throws(UsageError) -> Double {
    { number throws(UsageError) in
      if !number.isFinite { throw UsageError("\(number) is no number of seconds") }
      guard number > 0, number >= least else {
        throw UsageError(
          "\(number) s is too short; it must be \(least > 0 ? "at least \(least)" : "above 0")")
      }
      return number
    }
  }

  /// 0 s or more, and raised to `least`.
  static func raised(to least: Double) -> @Sendable (Double) throws(UsageError) -> Double {
    { number throws(UsageError) in
      if !number.isFinite { throw UsageError("\(number) is no number of seconds") }
      if number < 0 { throw UsageError("a time cannot be negative") }
      return max(number, least)
    }
  }

  static func any(_ number: Double) throws(UsageError) -> Double { number }
}
