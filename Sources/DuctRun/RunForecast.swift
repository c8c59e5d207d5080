public import DuctRecords
public import DuctSettings
internal import Logging
public import SlurmJobs

/// What a run with these settings would decide here, for `con-duct doctor`. Starts nothing and creates nothing.
public struct RunForecast: Sendable {
  /// The files of the run, at absolute paths.
  public let paths: LogPaths
  /// Whether the user chose the name of the records. Otherwise a run takes another name if the first is taken.
  public let isNameChosen: Bool
  private let settings: RunSettings
  private let environment: [String: String]
  private let runID: String

  /// - Throws: `UsageError` if the output prefix gives no usable path.
  public init(_ settings: RunSettings, _ surroundings: Surroundings) throws(UsageError) {
    let log = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
    let identity = try RunIdentity(settings, surroundings, log: log)
    paths = identity.paths.absolute(in: currentDirectory())
    isNameChosen = identity.isNameChosen
    self.settings = settings
    environment = surroundings.environment
    runID = identity.runID
  }

  /// Whether the run would tag its jobs, and if not, why.
  ///
  /// - Parameter tracksWckeys: what Slurm says; or why it says nothing.
  public func tag(_ tracksWckeys: Result<Bool, SlurmFailure>) -> TagDecision {
    SlurmSetup.tag(settings, environment, runID) { tracksWckeys }
  }

  /// The most seconds between two questions about jobs while a command runs.
  public static let longestPollPause = PollSchedule.longestPauseOfRun
}
