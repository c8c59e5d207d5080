import Glibc
internal import RecordText
public import SlurmJobs
public import SystemCalls
internal import SystemPackage

/// Asks Slurm through its own commands, for hosts without a suitable libslurm: `squeue`, `sacct` and `scontrol`.
/// One process per request (two if it searches accounting), within the same time limit as the helper.
public struct SlurmCommands: Sendable {
  /// The largest number of ids in one command, because one argument may have at most 128 KiB.
  private static let mostIDs = 8000
  /// Seconds for looking up the names of this host. No Slurm command prints these.
  private static let hostNamesLimit = 2.0

  private let programs: ProgramRunner
  private let signalMask: SignalSet
  /// The environment for Slurm's commands.
  private let environment: [[UInt8]]
  private let path: String?
  /// The release of the commands, once it is known.
  private let release = Monitor<SlurmRelease?>(nil)

  /// - Parameters:
  ///   - environment: `NAME=value` entries. Variables that change the output of the commands are removed.
  ///   - signalMask: the mask for the commands: the one from before duct blocked signals for itself.
  public init(
    environment: [[UInt8]], children: ChildProcesses, signalMask: SignalSet = SignalSet()
  ) {
    programs = ProgramRunner(children: children)
    self.signalMask = signalMask
    self.environment = CommandEnvironment.entries(from: environment)
    path = CommandEnvironment.value("PATH", in: environment)
  }

  /// Cancels all requests in progress: they fail immediately.
  public func cancel() { programs.cancel() }

  /// The release of Slurm's commands, from `squeue --version`, which contacts no server.
  ///
  /// - Parameter limit: seconds.
  public func release(within limit: Double) throws(SlurmFailure) -> SlurmRelease {
    try Asking(commands: self, request: .ping, deadline: .now + limit, limit: limit).release()
  }

  /// Sends one request and waits for its answer.
  ///
  /// - Parameter limit: seconds from the start of the first command to the end of the answer.
  /// - Throws: also if Slurm itself answered with an error.
  public func ask(_ request: SlurmRequest, limit: Double) throws(SlurmFailure) -> SlurmAnswer {
    let asking = Asking(commands: self, request: request, deadline: .now + limit, limit: limit)
    var answer = SlurmAnswer()
    answer.askedBy = .commands
    switch request {
    case .jobsOfUser(let uid, let scope): answer.jobs = try QueueCommand.jobs(ofUser: uid, scope, asking)
    case .jobs(let ids):
      for part in Self.parts(ids) { answer.jobs += try QueueCommand.jobs(part, asking) }
    case .accountingJobs(let ids, let cluster, let uid):
      for part in Self.parts(ids) {
        answer.jobs += try AccountingCommand.jobs(part, cluster: cluster, uid: uid, asking)
      }
    case .accountingOfUser(let uid, let since, let until, let tags):
      let ids = try AccountingCommand.ids(ofUser: uid, since: since, until: until, tags: tags, asking)
      for part in Self.parts(ids) {
        answer.jobs += try AccountingCommand.jobs(part, cluster: nil, uid: uid, asking)
      }
    case .configuration: answer.configuration = try ControlCommand.configuration(asking)
    case .ping: answer.configuration = try ControlCommand.ping(asking)
    case .hostNames: answer.hostNames = HostNames.local(within: min(limit, Self.hostNamesLimit))
    }
    return answer
  }

  private static func parts(_ ids: [UInt32]) -> [[UInt32]] {
    stride(from: 0, to: ids.count, by: mostIDs).map { Array(ids[$0..<min($0 + mostIDs, ids.count)]) }
  }

  /// A request in progress.
  struct Asking {
    fileprivate let commands: SlurmCommands
    fileprivate let request: SlurmRequest
    fileprivate let deadline: MonotonicInstant
    fileprivate let limit: Double

    /// The release of Slurm's commands. Only the first call runs a command.
    ///
    /// - Throws: if `squeue --version` cannot be run or prints something else.
    func release() throws(SlurmFailure) -> SlurmRelease {
      if let known = commands.release.withLock({ $0 }) { return known }
      let version = String(escaping: try output(of: "squeue", ["--version"]))
      guard let release = SlurmRelease(version: version) else {
        throw SlurmFailure(.rubbish, "squeue --version printed \(version.trimmed)")
      }
      commands.release.update { $0 = release }
      return release
    }

    /// Runs a command and returns its output.
    ///
    /// - Throws: if the command fails. The message is its last line on stderr.
    func output(of name: String, _ arguments: [String]) throws(SlurmFailure) -> [UInt8] {
      guard let program = commands.program(name) else {
        throw SlurmFailure(.noCommand, "there is no \(name) in PATH")
      }
      var start = Program(
        path: program.bytes, arguments: [Array(name.utf8)] + arguments.map(\.originalBytes))
      start.environment = commands.environment
      start.signalMask = commands.signalMask
      let result: ProgramRunner.Result
      do throws(Errno) {
        result = try commands.programs.run(start, outputLimit: SlurmAnswer.largest, until: deadline)
      } catch {
        throw SlurmFailure(.noCommand, "cannot start \(program): \(error.description) (\(error.name))")
      }
      guard let exit = result.exit else {
        throw SlurmFailure(
          .timeout, "no answer of \(name) within \(fixed(limit, decimals: 1)) s",
          diagnostics: result.diagnosticText)
      }
      if exit == .exited(0) { return result.output }
      let failure = CommandFailure.of(name, exit, result.diagnosticText)
      guard failure.tellsOfReleases else { throw failure }
      // All Slurm commands of a host are of one release.
      throw failure.explained(askedBy: (try? release()).map { "\(name) \($0)" } ?? name, request)
    }
  }

  private func program(_ name: String) -> FilePath? {
    file(named: Array(name.utf8), inSearchPath: path?.originalBytes)
  }
}
