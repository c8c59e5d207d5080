internal import RecordText
public import SlurmJobs
public import SystemCalls
public import SystemPackage

/// Asks Slurm through `duct-slurm`: one process per request, each with a time limit that this process enforces.
public struct SlurmHelper: Sendable {
  let program: FilePath
  private let programs: ProgramRunner
  private let signalMask: SignalSet

  /// - Parameters:
  ///   - program: the path of `duct-slurm`.
  ///   - signalMask: the mask for the helper: the one from before duct blocked signals for itself.
  public init(program: FilePath, children: ChildProcesses, signalMask: SignalSet = SignalSet()) {
    self.program = program
    programs = ProgramRunner(children: children)
    self.signalMask = signalMask
  }

  /// Cancels all requests in progress: they fail immediately.
  public func cancel() { programs.cancel() }

  /// Sends one request and waits for its answer.
  ///
  /// - Parameters:
  ///   - limit: seconds from the start of the helper to the end of its answer.
  ///   - configuration: the path of slurm.conf; nil if libslurm shall look for it.
  /// - Throws: also if Slurm itself answered with an error.
  public func ask(
    _ request: SlurmRequest, limit: Double, configuration: FilePath? = nil
  ) throws(SlurmFailure) -> SlurmAnswer {
    let deadline = MonotonicInstant.now + limit
    let question = SlurmQuestion(request, limit: limit).jsonLine
    var start = Program(path: program.bytes, arguments: [program.bytes])
    start.environment = environment(configuration)
    start.signalMask = signalMask
    let result: ProgramRunner.Result
    do throws(Errno) {
      result = try programs.run(
        start, input: question, outputLimit: SlurmAnswer.largest, until: deadline)
    } catch {
      throw SlurmFailure(.noHelper, "cannot start \(program): \(error.description) (\(error.name))")
    }
    guard let exit = result.exit else {
      throw SlurmFailure(
        .timeout, "no answer to \(request.name) within \(fixed(limit, decimals: 1)) s",
        diagnostics: result.diagnosticText)
    }
    return try answer(result.output, exit, request, result.diagnosticText)
  }

  /// The environment of this process with the path of the configuration. A libslurm of another installation would
  /// not find the configuration of a Slurm that has its own prefix.
  private func environment(_ configuration: FilePath?) -> [[UInt8]]? {
    guard let configuration else { return nil }
    let name = Array("SLURM_CONF=".utf8)
    return environmentEntries().filter { !$0.starts(with: name) } + [name + configuration.bytes]
  }

  private func answer(
    _ output: [UInt8], _ exit: ChildExit.Cause, _ request: SlurmRequest, _ diagnostics: String?
  ) throws(SlurmFailure) -> SlurmAnswer {
    if output.isEmpty || exit != .exited(0) {
      throw ofPlugins(diagnostics)
        ?? SlurmFailure(
          kind(of: exit, diagnostics ?? ""),
          loaderComplaint(diagnostics).map { "\(name) cannot be loaded: \($0)" }
            ?? "\(name) ended with \(exit.words) and without an answer to \(request.name)",
          diagnostics: diagnostics)
    }
    var answer: SlurmAnswer
    do throws(Problem) { answer = try SlurmAnswer(json: output) } catch {
      throw SlurmFailure(
        .rubbish, "\(name) printed no valid answer to \(request.name): \(error)",
        diagnostics: diagnostics)
    }
    if var failure = answer.failure {
      if failure.diagnostics == nil { failure.diagnostics = diagnostics }
      answer.failure = nil
      throw ofPlugins(diagnostics)
        ?? failure.explained(askedBy: "libslurm \(failure.libraryVersion ?? "")", request)
    }
    answer.askedBy = .library
    return answer
  }

  /// A helper that runs from a copy in memory has no path to show.
  private var name: String { program.starts(with: "/proc") ? "duct-slurm" : "\(program)" }

  /// The dynamic loader's message about a missing library.
  private func loaderComplaint(_ diagnostics: String?) -> String? {
    let mark = "error while loading shared libraries: "
    return diagnostics?.split(whereSeparator: \.isNewline).lazy
      .compactMap { line in line.firstRange(of: mark).map { String(line[$0.upperBound...]) } }.first
  }

  /// libslurm loads only plugins of its own release. If it finds others, or none, it prints so and later fails with
  /// another error.
  private func ofPlugins(_ diagnostics: String?) -> SlurmFailure? {
    let marks = ["Incompatible Slurm plugin ", "Couldn't find the specified plugin name for "]
    let lines = diagnostics?.split(whereSeparator: \.isNewline) ?? []
    let complaint = lines.lazy.compactMap { line in
      marks.lazy.compactMap { line.firstRange(of: $0) }.first.map { String(line[$0.lowerBound...]) }
    }.first
    return complaint.map {
      SlurmFailure(
        .wrongLibrary, "\(name) cannot use Slurm's plugins on this host: \($0)", diagnostics: diagnostics)
    }
  }

  private func kind(of exit: ChildExit.Cause, _ diagnostics: String) -> SlurmFailure.Kind {
    // The loader prints this if libslurm is missing; a shell exits with 127 if it cannot find a program.
    if exit == .exited(127) || diagnostics.contains("error while loading shared libraries") {
      return .noHelper
    }
    // libslurm's fatal() calls exit(1), for example if it finds no usable configuration.
    return exit == .exited(1) && diagnostics.contains("fatal") ? .noConfiguration : .helperDied
  }
}

extension SlurmAnswer {
  /// Bytes of an answer, of the helper or of a command: more than a controller with a million jobs prints.
  static let largest = 512 << 20
}

extension ProgramRunner.Result {
  /// What the program printed on stderr; nil if nothing.
  var diagnosticText: String? { diagnostics.isEmpty ? nil : String(escaping: diagnostics) }
}
