/// By which way an answer of Slurm came.
public enum SlurmWay: String, Codable, Sendable {
  /// libslurm, in `duct-slurm`.
  case library
  /// `squeue`, `sacct` and `scontrol`.
  case commands
}

/// What Slurm answers. `duct-slurm` prints it as one JSON document on its standard output.
public struct SlurmAnswer: Codable, Sendable, Equatable {
  /// The jobs asked for.
  public var jobs: [SubmittedJob] = []
  /// slurmctld's clock when it answered, seconds since 1970: it may run ahead of ours or behind.
  public var controllerTime: Int?
  public var configuration: ClusterConfiguration?
  /// Names by which this host may be known as `alloc_node`, where they were asked for.
  public var hostNames: [String] = []
  public var failure: SlurmFailure?
  /// Who was asked; not part of the document.
  public var askedBy: SlurmWay?

  public init() {}

  public init(failure: SlurmFailure) { self.failure = failure }

  enum CodingKeys: String, CodingKey {
    case jobs, configuration, failure
    case controllerTime = "controller_time"
    case hostNames = "host_names"
  }
}

/// A job with where it was submitted from: what detection looks at, and info.json does not show.
///
/// The waiting tasks of an array are one of these, with `arrayTasks` in the record, as Slurm has them: whose they are
/// is decided before they are unfolded.
public struct SubmittedJob: Codable, Sendable, Equatable {
  public var record: JobRecord
  public var uid: UInt32?
  public var wckey: String?
  /// The session and the host (by Slurm's name for its address) of the submitting process.
  public var allocSID: UInt32?
  public var allocNode: String?
  /// What the paths of waiting tasks are made of.
  public var outputPaths: OutputPaths?

  public init(record: JobRecord) { self.record = record }

  enum CodingKeys: String, CodingKey {
    case record, uid, wckey
    case allocSID = "alloc_sid"
    case allocNode = "alloc_node"
    case outputPaths = "output_paths"
  }

  /// The job; of waiting tasks of an array each of them, where they are not too many.
  public var unfolded: [JobRecord] {
    guard let tasks = record.arrayTasks, let ids = ArrayTasks.ids(in: tasks) else { return [record] }
    return ids.map { id in
      var task = record
      task.arrayTasks = nil
      task.arrayTaskID = id
      // The record's id is that of the array; a task gets its own when it starts.
      task.jobID = nil
      outputPaths?.set(&task)
      return task
    }
  }
}

/// What slurmctld says of itself.
public struct ClusterConfiguration: Codable, Sendable, Equatable {
  public var clusterName: String?
  public var controllerVersion: String?
  /// Of the libslurm that the helper has loaded.
  public var libraryVersion: String?
  public var tracksWckeys: Bool?
  /// Seconds that a finished job stays in slurmctld.
  public var minJobAge: Int?
  /// The controller answered.
  public var controllerIsUp: Bool = false

  public init() {}

  enum CodingKeys: String, CodingKey {
    case clusterName = "cluster_name"
    case controllerVersion = "controller_version"
    case libraryVersion = "library_version"
    case tracksWckeys = "tracks_wckeys"
    case minJobAge = "min_job_age"
    case controllerIsUp = "controller_is_up"
  }
}

/// Why a question was not answered.
public struct SlurmFailure: Error, Codable, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: String, Codable, Sendable {
    /// The helper is missing, or cannot be executed for want of a library.
    case noHelper = "no_helper"
    /// The library that the helper was given is of another release than the helper.
    case wrongLibrary = "wrong_library"
    /// Slurm's own commands are not in PATH, or cannot be executed.
    case noCommand = "no_command"
    /// There is no configuration that the library can read.
    case noConfiguration = "no_configuration"
    /// No answer within the limit: the helper was ended.
    case timeout
    /// The helper, or a command of Slurm, ended with a signal or an exit code.
    case helperDied = "helper_died"
    /// What it printed is no answer.
    case rubbish
    /// slurmctld or slurmdbd did not understand the library, or the command, or the other way round: their releases are
    /// too far apart.
    case otherRelease = "other_release"
    /// Slurm answered with an error.
    case slurm
  }

  public var kind: Kind
  public var message: String
  /// Slurm's error number, where it gave one.
  public var code: Int?
  /// The last lines that libslurm, or a command of Slurm, printed on stderr.
  public var diagnostics: String?
  /// The release of the libslurm that was asked.
  public var libraryVersion: String?

  enum CodingKeys: String, CodingKey {
    case kind, message, code, diagnostics
    case libraryVersion = "library_version"
  }

  public init(_ kind: Kind, _ message: String, code: Int? = nil, diagnostics: String? = nil) {
    self.kind = kind
    self.message = message
    self.code = code
    self.diagnostics = diagnostics
  }

  public var description: String { message }

  /// It says nothing of Slurm, but that libslurm cannot be used here: Slurm's own commands may answer.
  public var isOfLibrary: Bool { kind == .noHelper || kind == .wrongLibrary || kind == .otherRelease }

  /// The server has ended the connection, as one that restarts does, or one that does not understand the question: asked
  /// once more, it may answer, or say what is wrong.
  public var isOfConnection: Bool {
    kind == .slurm && said("Connection reset by peer") || kind == .otherRelease && !isCertain
  }

  /// slurmctld can end a connection for another reason than its release, too.
  private var isCertain: Bool { Self.disagreements.contains { $0 != Self.silence && said($0) } }

  /// The same, in plain words where Slurm's tell of releases that are too far apart.
  ///
  /// - Parameters:
  ///   - program: what has asked, such as `libslurm 22.05.8`.
  ///   - request: tells who was asked.
  public func explained(askedBy program: String, _ request: SlurmRequest) -> SlurmFailure {
    guard tellsOfReleases else { return self }
    let server =
      (request.isOfAccounting ? "slurmdbd" : "slurmctld") + (serverRelease.map { " \($0)" } ?? "")
    var failure = self
    failure.kind = .otherRelease
    failure.message =
      "\(program) and \(server) do not understand each other (\(message)): their releases \(isCertain ? "are" : "may be") too far apart"
    return failure
  }

  /// Slurm's own words are of releases that are too far apart.
  public var tellsOfReleases: Bool { kind == .slurm && Self.disagreements.contains(where: said) }

  /// Up to 24.11 a server answers in words that older libraries can name the release of.
  private var serverRelease: SlurmRelease? {
    let mark = "Invalid Protocol Version "
    guard let words = diagnostics, let range = words.firstRange(of: mark) else { return nil }
    return Int(words[range.upperBound...].prefix { $0.isNumber }).flatMap(SlurmRelease.init(protocolVersion:))
  }

  private func said(_ words: String) -> Bool {
    message.contains(words) || diagnostics?.contains(words) == true
  }

  /// What clients say when a server is of a release that they, or it, cannot talk to (seen between 22.05, 24.11 and 26.05).
  private static let disagreements = [
    "Insane message length", silence,
    "Incompatible versions of client and server code", "Protocol version has changed",
    "Failed to unpack SLURM_PERSIST_INIT message",
  ]
  private static let silence = "Zero Bytes were transmitted or received"
}
