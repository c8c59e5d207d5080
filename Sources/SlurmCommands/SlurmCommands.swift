import Glibc
internal import RecordText
public import SlurmJobs
public import SystemCalls
internal import SystemPackage

/// Asks Slurm by its own commands, for hosts without a libslurm that fits: `squeue`, `sacct` and `scontrol`, a process
/// a question (two where accounting is searched), within the same limit as the helper.
public struct SlurmCommands: Sendable {
  /// One argument may have 128 KiB: so many ids go into one question.
  private static let mostIDs = 8000
  /// Seconds for the names of this host, which no command tells.
  private static let hostNamesLimit = 2.0

  private let programs: LimitedPrograms
  /// As Slurm's commands get it.
  private let environment: [[UInt8]]
  private let path: String?
  /// The release of the commands, once it was asked for.
  private let release = Monitor<SlurmRelease?>(nil)

  /// - Parameters:
  ///   - environment: `NAME=value` entries. Variables that change what the commands print are left out.
  ///   - signalMask: what the commands shall have: the mask before duct blocked signals for itself.
  public init(
    environment: [[UInt8]], children: ChildProcesses, signalMask: SignalSet = SignalSet()
  ) {
    programs = LimitedPrograms(children: children, signalMask: signalMask)
    self.environment = CommandEnvironment.entries(from: environment)
    path = CommandEnvironment.value("PATH", in: environment)
  }

  /// Ends the questions that are being asked: they fail at once.
  public func cancel() { programs.cancel() }

  /// The release of Slurm's commands: of `squeue --version`, which asks nobody.
  ///
  /// - Parameter limit: seconds.
  public func release(within limit: Double) throws(SlurmFailure) -> SlurmRelease {
    try Asking(commands: self, request: .ping, deadline: .now + limit, limit: limit).release()
  }

  /// One question.
  ///
  /// - Parameter limit: seconds, for everything from its start to the end of its answer.
  /// - Throws: also when Slurm itself answered with an error.
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
    case .accountingOfUser(let uid, let since, let tag):
      let ids = try AccountingCommand.ids(ofUser: uid, since: since, tag: tag, asking)
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

  /// A question on its way.
  struct Asking {
    fileprivate let commands: SlurmCommands
    fileprivate let request: SlurmRequest
    fileprivate let deadline: MonotonicInstant
    fileprivate let limit: Double

    /// The release of Slurm's commands, which is asked for once.
    ///
    /// - Throws: where `squeue --version` cannot be run, or prints something else.
    func release() throws(SlurmFailure) -> SlurmRelease {
      if let known = commands.release.withLock({ $0 }) { return known }
      let version = String(escaping: try output(of: "squeue", ["--version"]))
      guard let release = SlurmRelease(version: version) else {
        throw SlurmFailure(.rubbish, "squeue --version printed \(version.trimmed)")
      }
      commands.release.update { $0 = release }
      return release
    }

    /// What a command prints.
    ///
    /// - Throws: where it did not end well. Its own last word on stderr is the message.
    func output(of name: String, _ arguments: [String]) throws(SlurmFailure) -> [UInt8] {
      guard let program = commands.program(name) else {
        throw SlurmFailure(.noCommand, "there is no \(name) in PATH")
      }
      let result: LimitedPrograms.Result
      do throws(Errno) {
        result = try commands.programs.run(
          program, [Array(name.utf8)] + arguments.map(\.originalBytes), environment: commands.environment,
          until: deadline)
      } catch {
        throw SlurmFailure(.noCommand, "cannot start \(program): \(error.description) (\(error.name))")
      }
      guard let exit = result.exit else {
        throw SlurmFailure(
          .timeout, "no answer of \(name) within \(fixed(limit, decimals: 1)) s",
          diagnostics: result.diagnostics)
      }
      if exit == .exited(0) { return result.output }
      let failure = CommandFailure.of(name, exit, result.diagnostics)
      guard failure.tellsOfReleases else { throw failure }
      // All of a host's commands are of one release.
      throw failure.explained(askedBy: (try? release()).map { "\(name) \($0)" } ?? name, request)
    }
  }

  private func program(_ name: String) -> FilePath? {
    file(named: Array(name.utf8), inSearchPath: path?.originalBytes)
  }
}
