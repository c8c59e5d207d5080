public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// Slurm as the readers of records ask it: as a run does, with a limit for all questions together.
public struct SlurmInquiry: Sendable {
  private let access: SlurmAccess
  private let deadline: MonotonicInstant

  /// - Parameters:
  ///   - helper: the path of `duct-slurm`.
  ///   - entries: the `NAME=value` entries of the environment, for Slurm's commands.
  ///   - environment: the same by name; it tells where the configuration is.
  ///   - limit: seconds from now, for all questions.
  public init(
    by: SlurmBy, helper: FilePath, entries: [[UInt8]], environment: [String: String], limit: Double
  ) {
    let children = ChildProcesses(reaping: .byWaiters)
    access = SlurmAccess(
      by: by, helper: SlurmHelper(program: helper, children: children),
      commands: SlurmCommands(environment: entries, children: children),
      configuration: SlurmConfigurationFile.locate(environment: environment))
    deadline = .now + limit
  }

  /// Until the limit.
  public var secondsLeft: Double { deadline.seconds(since: .now) }

  /// One question.
  ///
  /// - Parameter limit: seconds for this question, within those for all.
  public func ask(
    _ request: SlurmRequest, limit: Double = .infinity
  ) throws(SlurmFailure) -> SlurmAnswer {
    do throws(SlurmFailure) {
      return try access.ask(request, until: min(deadline, .now + limit))
    } catch {
      // A site without the file has it from the name service; the library has not found it there either.
      guard error.kind == .noConfiguration, access.configuration == nil else { throw error }
      throw SlurmFailure(
        .noConfiguration, "there is no slurm.conf here (SLURM_CONF, /etc/slurm)",
        diagnostics: error.diagnostics)
    }
  }
}
