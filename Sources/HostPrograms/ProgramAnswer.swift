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
  ///   - changes: variables of its environment that differ from those of this process.
  ///   - runner: nil: one of its own, for a process in which no event loop reaps the children.
  ///   - mask: the signal mask of the program.
  ///   - limit: seconds.
  public static func of(
    _ name: String, _ arguments: [String], _ surroundings: Surroundings,
    setting changes: [String: String] = [:], by runner: ProgramRunner? = nil,
    mask: SignalSet = SignalSet(), within limit: Double
  ) -> ProgramAnswer {
    let path = surroundings.environment["PATH"]
    guard let found = file(named: Array(name.utf8), inSearchPath: path?.originalBytes) else {
      return .isMissing
    }
    var program = Program(path: found.bytes, arguments: ([name] + arguments).map(\.originalBytes))
    let changes = changes.merging(["LC_ALL": "C"]) { $1 }
    let ignored = (["LC_", "LANG"] + changes.keys.map { $0 + "=" }).map { Array($0.utf8) }
    program.environment =
      surroundings.entries.filter { entry in !ignored.contains { entry.starts(with: $0) } }
      + changes.map { "\($0)=\($1)".originalBytes }
    program.signalMask = mask
    let runner = runner ?? ProgramRunner(children: ChildProcesses(reaping: .byWaiters))
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
