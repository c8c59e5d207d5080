internal import SystemCalls
internal import SystemPackage

/// Temporary names under which failing calls may have left something, and how they are cleaned. Decides, and calls
/// nothing.
///
/// The names have the run's id in them, and are few, so that a successor finds what is left in them.
struct LeftNames: Sendable {
  enum Manner: Sendable {
    /// Before anything else, so that there are names to go on with.
    case first
    /// After a success. What cannot be cleaned waits for the next one.
    case afterSuccess
    /// There is no next time.
    case atTheEnd
  }

  enum Call: Sendable, Equatable {
    case look(TargetName)
    case remove(TargetName)
  }

  enum Answer: Sendable, Equatable {
    case found(FileIdentity)
    case absent
    case done
    case failed(Errno)
  }

  enum Next: Sendable, Equatable {
    case call(Call)
    case done
    case failed(String, Errno, at: TargetName)
  }

  private enum Step: Sendable, Equatable {
    case idle
    case looking([Int])
    case removing([Int])
    case lookingAround
  }

  /// The first names, which a successor looks at.
  private static let first = 0..<8

  /// Something may be there.
  private(set) var names: Set<Int> = []
  /// Gone since the cleaning began.
  private(set) var removed: [Int] = []
  /// Names in which it is not looked before the end.
  private var suspects: Set<Int>
  private var couldNotClean: Set<Int> = []
  private var manner = Manner.atTheEnd
  /// What was not found is looked for once more, since the directory was there after the first look.
  private var isSecondLook = false
  /// The file's own name, by which it is told that the directory is there.
  private var place = TargetName.place(0)
  private var step = Step.idle

  /// - Parameter isSuccessor: earlier processes may have left something.
  init(isSuccessor: Bool) { suspects = isSuccessor ? Set(Self.first) : [] }

  var isEmpty: Bool { names.isEmpty }
  mutating func insert(_ number: Int) { names.insert(number) }
  mutating func remove(_ number: Int) { names.remove(number) }
  /// It may be there, where it was not seen: at the end it is looked again.
  mutating func suspect(_ number: Int) { suspects.insert(number) }

  // MARK: Cleaning

  /// - Parameter other: names of files that are known, and go as well.
  mutating func begin(_ manner: Manner, _ place: TargetName, other: some Sequence<Int> = []) -> Next {
    self.manner = manner
    self.place = place
    removed = []
    couldNotClean = []
    isSecondLook = false
    if case .first = manner {
      // What is only suspected is no obstacle.
    } else {
      names.formUnion(suspects)
      suspects = []
    }
    names.formUnion(other)
    return look(names.sorted())
  }

  /// All names in which something could be, at once: the file itself is removed.
  mutating func beginAll() -> Next {
    names.formUnion(suspects)
    return begin(.first, place)
  }

  private mutating func look(_ rest: [Int]) -> Next {
    if let number = rest.first { return go(.looking(rest), .look(.temporary(number))) }
    // What was not found may have been away with its directory.
    if case .first = manner { return finish() }
    return names.isEmpty ? finish() : go(.lookingAround, .look(place))
  }

  private mutating func go(_ next: Step, _ call: Call) -> Next {
    step = next
    return .call(call)
  }

  private mutating func finish() -> Next {
    step = .idle
    return .done
  }

  private mutating func fail(_ operation: String, _ error: Errno, _ name: TargetName) -> Next {
    step = .idle
    return .failed(operation, error, at: name)
  }

  /// - Parameter isOurs: whether what is under a name was left by this run.
  mutating func step(_ answer: Answer, isOurs: (Int, FileIdentity) -> Bool) -> Next {
    switch (step, answer) {
    case (.looking(let rest), .found(let found)):
      if isOurs(rest[0], found) { return go(.removing(rest), .remove(.temporary(rest[0]))) }
      names.remove(rest[0])
      return look(Array(rest.dropFirst()))
    case (.looking(let rest), .absent):
      if case .first = manner {
        names.remove(rest[0])
        suspects.insert(rest[0])
      }
      return look(Array(rest.dropFirst()))
    case (.removing(let rest), .done):
      names.remove(rest[0])
      removed.append(rest[0])
      return look(Array(rest.dropFirst()))
    case (.looking(let rest), .failed(let error)): return couldNotClean(rest, "stat", error)
    case (.removing(let rest), .failed(let error)): return couldNotClean(rest, "unlink", error)
    case (.lookingAround, .found):
      // It may have come back between the two.
      if !isSecondLook {
        isSecondLook = true
        return look(names.subtracting(couldNotClean).sorted())
      }
      names = couldNotClean
      return finish()
    case (.lookingAround, .absent): return fail("stat", .noSuchFileOrDirectory, place)
    case (.lookingAround, .failed(let error)): return fail("stat", error, place)
    case (.idle, _), (_, .done), (_, .found), (_, .absent): return fail("stat", .ioError, place)
    }
  }

  private mutating func couldNotClean(_ rest: [Int], _ operation: String, _ error: Errno) -> Next {
    guard case .afterSuccess = manner else { return fail(operation, error, .temporary(rest[0])) }
    couldNotClean.insert(rest[0])
    return look(Array(rest.dropFirst()))
  }
}
