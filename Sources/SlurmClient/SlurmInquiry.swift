public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// Sends requests to Slurm for the commands that read records, as a run does. One time limit covers all requests.
public struct SlurmInquiry: Sendable {
  private let access: SlurmAccess
  private let deadline: MonotonicInstant

  /// - Parameters:
  ///   - helper: the path of `duct-slurm`.
  ///   - entries: the `NAME=value` entries of the environment, for Slurm's commands.
  ///   - environment: the same by name, to find slurm.conf.
  ///   - limit: seconds from now, for all requests together.
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

  /// Seconds until the limit for all requests.
  public var secondsLeft: Double { deadline.seconds(since: .now) }

  /// Sends one request.
  ///
  /// - Parameter limit: seconds for this request, within the limit for all.
  public func ask(
    _ request: SlurmRequest, limit: Double = .infinity
  ) throws(SlurmFailure) -> SlurmAnswer {
    do throws(SlurmFailure) {
      return try access.ask(request, until: min(deadline, .now + limit))
    } catch {
      // If a site has no such file, libslurm looks for it through the name service. It has not found it there
      // either.
      guard error.kind == .noConfiguration, access.configuration == nil else { throw error }
      throw SlurmFailure(
        .noConfiguration, "there is no slurm.conf here (SLURM_CONF, /etc/slurm)",
        diagnostics: error.diagnostics)
    }
  }
}
