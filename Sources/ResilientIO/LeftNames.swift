internal import SystemCalls
internal import SystemPackage

/// Temporary names under which failed calls may have left files, and how to clean them. Decides and makes no
/// calls.
///
/// The names contain the run id and have low numbers, so that a successor finds what is left under them.
struct LeftNames: Sendable {
  enum Manner: Sendable {
    /// Before anything else, to free names for the turn.
    case first
    /// After a success. What cannot be cleaned now waits for the next turn.
    case afterSuccess
    /// At the end: there is no next turn.
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

  /// The numbers that a successor checks.
  private static let first = 0..<8
  /// If failed calls have left this many names, they are cleaned before another file is created.
  static let most = 6

  /// Names under which a file may be.
  private(set) var names: Set<Int> = []
  /// Names that were removed since the cleaning began.
  private(set) var removed: [Int] = []
  /// Names to check only after a success or at the end.
  private var suspects: Set<Int>
  private var couldNotClean: Set<Int> = []
  private var manner = Manner.atTheEnd
  /// The names not found are checked a second time, since the directory was reachable after the first check.
  private var isSecondLook = false
  /// The file's own name. If it is there, the directory is reachable.
  private var place = TargetName.place(0)
  private var step = Step.idle

  /// - Parameter isSuccessor: earlier processes may have left files.
  init(isSuccessor: Bool) { suspects = isSuccessor ? Set(Self.first) : [] }

  var isEmpty: Bool { names.isEmpty }
  /// No file can be under any of the names.
  var areClean: Bool { names.isEmpty && suspects.isEmpty }
  mutating func insert(_ number: Int) { names.insert(number) }
  mutating func remove(_ number: Int) { names.remove(number) }
  /// A file may be under this name, although it was not found. Checks it again later.
  mutating func suspect(_ number: Int) { suspects.insert(number) }

  // MARK: Cleaning

  /// - Parameter other: further names to remove, of known files.
  mutating func begin(_ manner: Manner, _ place: TargetName, other: some Sequence<Int> = []) -> Next {
    self.manner = manner
    self.place = place
    removed = []
    couldNotClean = []
    isSecondLook = false
    if case .first = manner {
      // Suspected names are left for later; they do not block the turn.
    } else {
      names.formUnion(suspects)
      suspects = []
    }
    names.formUnion(other)
    return look(names.sorted())
  }

  /// Checks all names at once, because the file itself is being removed.
  mutating func beginAll() -> Next {
    names.formUnion(suspects)
    return begin(.first, place)
  }

  private mutating func look(_ rest: [Int]) -> Next {
    if let number = rest.first { return go(.looking(rest), .look(.temporary(number))) }
    // Names not found may only be unreachable together with their directory.
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

  /// - Parameter isOurs: whether this run has left the file found under a name.
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
      // The directory may have become reachable between the two checks.
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
