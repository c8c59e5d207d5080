/// A text in a program's output that tells why the program failed.
struct FailureSign: Sendable {
  /// How much a line with the sign tells.
  enum Weight: UInt8, Sendable, Comparable {
    /// Nothing by itself: the line is a warning, so that what it says did not end the program.
    case warning
    /// Something did not work. Programs print many such lines and go on.
    case hint
    /// The program calls it an error.
    case error
    /// The end of a program, or what always ends it.
    case cause
    /// The first line of a Python traceback.
    case traceback

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  /// In small letters, unless it is exact.
  let text: [UInt8]
  let weight: Weight
  /// Capital and small letters differ.
  var isExact = false
  /// A word of everyday language. What is beside it decides whether it tells of a failure.
  var isWord = false
  /// How many of the lines below belong to it.
  var following = 0

  private static func signs(
    _ weight: Weight, isExact: Bool = false, isWord: Bool = false, following: Int = 0, _ texts: [String]
  ) -> [FailureSign] {
    texts.map {
      FailureSign(
        text: Array($0.utf8), weight: weight, isExact: isExact, isWord: isWord, following: following)
    }
  }

  /// The sign at the start of a Python traceback.
  static let tracebackStart = "Traceback (most recent call last):"

  /// All signs. Where two begin alike, the longer one comes first.
  static let all: [FailureSign] = [
    signs(.traceback, isExact: true, [tracebackStart]),
    // Slurm and its tasks.
    signs(.cause, ["slurmstepd: error:", "srun: error:", "sbatch: error:", "salloc: error:"]),
    signs(.cause, isExact: true, ["CANCELLED AT", "DUE TO TIME LIMIT"]),
    signs(.cause, ["oom-kill", "oom_kill", "oom-killer", "oom killed", "out of memory", "out-of-memory"]),
    // Signals, as shells and libraries name them.
    signs(.cause, isExact: true, isWord: true, ["Killed"]),
    signs(.cause, ["segmentation fault", "bus error", "illegal instruction", "floating point exception"]),
    signs(.cause, ["core dumped", "stack smashing detected", "double free or corruption"]),
    signs(.cause, ["sigsegv", "sigabrt", "sigkill", "sigbus", "sigill", "sigfpe"]),
    // Languages and libraries.
    signs(.cause, following: 1, ["exception in thread", "caused by:", "panicked at", "panic:"]),
    signs(.cause, following: 1, ["terminate called after throwing", "terminate called without"]),
    signs(.cause, ["forrtl:", "fortran runtime error", "cuda error", "cuda out of memory"]),
    signs(.cause, isExact: true, ["ERROR: LoadError", "Error in"]),
    signs(.cause, following: 2, ["mpi_abort was invoked", "mpi_abort("]),
    signs(.cause, following: 1, ["mpirun noticed", "mpiexec noticed", "prterun noticed"]),
    signs(.cause, isExact: true, ["PRTE", "BAD TERMINATION"]),
    signs(.error, isExact: true, ["KeyboardInterrupt", "ExceptionGroup"]),
    signs(.error, ["execution halted", "assertion failed"]),
    // The shell and the system.
    signs(.cause, ["command not found", "no space left on device", "disk quota exceeded"]),
    signs(.error, ["permission denied", "no such file", "unbound variable"]),
    // Words.
    signs(.error, isExact: true, isWord: true, ["ERROR", "ERRORS", "FATAL", "FAILED", "Aborted"]),
    signs(.error, isWord: true, ["fatal"]),
    signs(.hint, isWord: true, ["errors", "error", "exception", "killed", "terminated"]),
    signs(.hint, isWord: true, ["aborting", "aborted", "abort", "failed", "failure", "cannot", "can't"]),
    signs(.hint, isWord: true, ["could not", "unable to", "timed out"]),
    signs(.warning, ["warning", "warn"]),
  ].flatMap { $0 }
}

/// All signs, arranged by their first letter.
struct FailureSigns: Sendable {
  /// Whether a sign begins with two bytes, by the lowest five bits of each.
  private let starts: [Bool]
  /// The signs that begin with a letter, by its lowest five bits.
  private let byLetter: [[FailureSign]]

  static let all = FailureSigns(FailureSign.all)

  private init(_ signs: [FailureSign]) {
    var starts = Array(repeating: false, count: 1024)
    var byLetter: [[FailureSign]] = Array(repeating: [], count: 32)
    for sign in signs {
      starts[Self.start(sign.text[0], sign.text[1])] = true
      byLetter[Int(sign.text[0] & 0x1F)].append(sign)
    }
    self.starts = starts
    self.byLetter = byLetter
  }

  private static func start(_ first: UInt8, _ second: UInt8) -> Int {
    Int(first & 0x1F) << 5 | Int(second & 0x1F)
  }

  func mayBegin(with first: UInt8, _ second: UInt8) -> Bool { starts[Self.start(first, second)] }

  /// The signs that may begin with `letter`.
  subscript(letter: UInt8) -> [FailureSign] { byLetter[Int(letter & 0x1F)] }
}
