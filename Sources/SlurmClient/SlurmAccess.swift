import Glibc
public import SlurmJobs
public import SystemCalls
public import SystemPackage

/// Sends requests to Slurm: through the helper, through Slurm's own commands, or through these if the helper cannot
/// be used here. Checks first whether the configuration is readable: otherwise libslurm waits for a minute and
/// exits.
public struct SlurmAccess: Sendable {
  private let by: SlurmBy
  private let helper: SlurmHelper
  private let commands: SlurmCommands
  /// The path of slurm.conf, which must be readable; nil if there is no such file.
  public let configuration: FilePath?
  /// Why only Slurm's commands are asked; nil while the helper is usable.
  private let libraryFailure = Monitor<SlurmFailure?>(nil)
  /// Called once, with the reason, when the helper turns out not to be usable.
  private let note: @Sendable (String) -> Void

  public init(
    by: SlurmBy, helper: SlurmHelper, commands: SlurmCommands, configuration: FilePath?,
    note: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.by = by
    self.helper = helper
    self.commands = commands
    self.configuration = configuration
    self.note = note
  }

  /// A copy with another configuration file.
  public func with(configuration: FilePath?) -> SlurmAccess {
    SlurmAccess(by: by, helper: helper, commands: commands, configuration: configuration, note: note)
  }

  /// Cancels all requests in progress.
  public func cancel() {
    helper.cancel()
    commands.cancel()
  }

  /// Sends the request, up to four times while the server closes the connection without an answer. A server of
  /// another release does so in a quarter of all tries, and tells its reason in the others (measured: 22.05 and 26.05).
  public func ask(_ request: SlurmRequest, until deadline: MonotonicInstant) throws(SlurmFailure)
    -> SlurmAnswer
  {
    for _ in 1...3 {
      do throws(SlurmFailure) {
        return try askOnce(request, until: deadline)
      } catch  where error.isOfConnection {
        continue
      }
    }
    return try askOnce(request, until: deadline)
  }

  private func askOnce(
    _ request: SlurmRequest, until deadline: MonotonicInstant
  ) throws(SlurmFailure) -> SlurmAnswer {
    let limit = try secondsLeft(for: request, until: deadline)
    if let configuration, configuration.withPlatformString({ access($0, R_OK) }) != 0 {
      let error = Errno(rawValue: errno)
      throw SlurmFailure(
        .noConfiguration, "cannot read \(configuration): \(error.description) (\(error.name))")
    }
    switch by {
    case .library: return try askLibrary(request, until: deadline)
    case .commands: return try commands.ask(request, limit: limit)
    case .auto: break
    }
    var reason = libraryFailure.withLock { $0 }
    if reason == nil {
      do throws(SlurmFailure) {
        return try helper.ask(request, limit: limit, configuration: configuration)
      } catch  where error.isOfLibrary || error.kind == .noConfiguration && configuration == nil {
        // Slurm's commands may find a configuration that a libslurm of another installation does not find.
        reason = error
        // A connection may be lost only once, so the next request tries the helper again.
        if !error.isOfConnection { noteFailure(error) }
      }
    }
    return try askCommands(request, until: deadline, since: reason)
  }

  private func askLibrary(
    _ request: SlurmRequest, until deadline: MonotonicInstant
  ) throws(SlurmFailure) -> SlurmAnswer {
    do throws(SlurmFailure) {
      return try helper.ask(
        request, limit: secondsLeft(for: request, until: deadline), configuration: configuration)
    } catch {
      guard error.kind == .otherRelease,
        let release = try? commands.release(within: secondsLeft(for: request, until: deadline))
      else { throw error }
      var failure = error
      failure.message += "; Slurm's commands in PATH are of \(release), and --slurm-by commands asks them"
      throw failure
    }
  }

  /// - Parameter reason: why the helper is not asked.
  private func askCommands(
    _ request: SlurmRequest, until deadline: MonotonicInstant, since reason: SlurmFailure?
  ) throws(SlurmFailure) -> SlurmAnswer {
    let limit = try secondsLeft(for: request, until: deadline)
    do throws(SlurmFailure) {
      return try commands.ask(request, limit: limit)
    } catch {
      // Neither the helper nor the commands can be used: report both reasons.
      guard error.kind == .noCommand || error.kind == .otherRelease, let reason else { throw error }
      throw SlurmFailure(
        error.kind == .noCommand ? reason.kind : error.kind, "\(reason.message), and \(error.message)",
        diagnostics: reason.diagnostics)
    }
  }

  private func noteFailure(_ failure: SlurmFailure) {
    let isFirst = libraryFailure.update { known -> Bool in
      defer { known = known ?? failure }
      return known == nil
    }
    if isFirst { note("Slurm is asked by its own commands: \(failure)") }
  }

  private func secondsLeft(
    for request: SlurmRequest, until deadline: MonotonicInstant
  ) throws(SlurmFailure) -> Double {
    let limit = deadline.seconds(since: .now)
    if limit <= 0 { throw SlurmFailure(.timeout, "no time is left to ask for \(request.name)") }
    return limit
  }
}
