public import DuctSettings
internal import RecordText
public import SystemCalls
internal import SystemPackage

/// What a program of this host printed, such as klist(1).
public enum ProgramAnswer: Sendable, Equatable {
  case printed(String)
  /// It ended with an error: the last line of its messages, and its output.
  case failed(String, output: String)
  case isMissing
  /// It did not end within this many seconds.
  case hangs(Double)

  private static let longestOutput = 1 << 20

  /// Runs a program that is found in PATH, with messages in English.
  ///
  /// - Parameters:
  ///   - limit: seconds.
  ///   - children: those of this process, if something else waits for them too.
  ///   - mask: the signal mask of the program.
  public static func of(
    _ name: String, _ arguments: [String], _ surroundings: Surroundings, within limit: Double,
    children: ChildProcesses = ChildProcesses(reaping: .byWaiters), mask: SignalSet? = nil
  ) -> ProgramAnswer {
    let path = surroundings.environment["PATH"]
    guard let found = file(named: Array(name.utf8), inSearchPath: path?.originalBytes) else {
      return .isMissing
    }
    var program = Program(path: found.bytes, arguments: ([name] + arguments).map(\.originalBytes))
    let ignored = ["LC_", "LANG"].map { Array($0.utf8) }
    program.environment =
      surroundings.entries.filter { entry in !ignored.contains { entry.starts(with: $0) } }
      + [Array("LC_ALL=C".utf8)]
    if let mask { program.signalMask = mask }
    let runner = ProgramRunner(children: children)
    do throws(Errno) {
      let result = try runner.run(program, outputLimit: longestOutput, until: .now + limit)
      guard let exit = result.exit else { return .hangs(limit) }
      let output = String(escaping: result.output)
      if exit == .exited(0) { return .printed(output) }
      let lines = String(escaping: result.diagnostics).split(separator: "\n")
      return .failed(lines.last.map(String.init) ?? "\(name) ended with \(exit.words)", output: output)
    } catch {
      return .failed("cannot start \(found): \(Problem(error))", output: "")
    }
  }
}
