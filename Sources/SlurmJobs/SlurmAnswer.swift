public import RecordText

/// How duct obtained an answer from Slurm.
public enum SlurmWay: String, Sendable {
  /// libslurm, in `duct-slurm`.
  case library
  /// `squeue`, `sacct` and `scontrol`.
  case commands
}

/// An answer from Slurm. `duct-slurm` prints it as one JSON document on its standard output.
public struct SlurmAnswer: Record, Equatable {
  /// The jobs that the request asked for.
  public var jobs: [SubmittedJob] = []
  /// slurmctld's clock when it answered, in seconds since 1970. It may be ahead of ours or behind.
  public var controllerTime: Int?
  public var configuration: ClusterConfiguration?
  /// Names by which this host may appear as `alloc_node`, if requested.
  public var hostNames: [String] = []
  public var failure: SlurmFailure?
  /// How Slurm was asked. Not part of the document.
  public var askedBy: SlurmWay?

  public init() {}

  /// The job with this id. For the first task of an array, and the first component of a heterogeneous job, Slurm sends the
  /// others, too.
  public func record(ofJob id: UInt32) -> JobRecord? { jobs.last { $0.record.jobID == id }?.record }

  public init(failure: SlurmFailure) { self.failure = failure }

  public mutating func list(_ members: inout RecordMembers) {
    members("jobs", &jobs)
    members("configuration", &configuration)
    members("failure", &failure)
    members("controller_time", &controllerTime)
    members("host_names", &hostNames)
  }
}

/// A job and where it was submitted: data that detection needs and info.json does not show.
///
/// The waiting tasks of an array are one such job, with `arrayTasks` in the record, as in Slurm. `JobDetection`
/// decides whether they are the command's before they are unfolded.
public struct SubmittedJob: Record, Equatable {
  public var record: JobRecord
  public var uid: UInt32?
  public var wckey: String?
  /// The session and host (by Slurm's name for its address) of the submitting process.
  public var allocSID: UInt32?
  public var allocNode: String?
  /// The patterns for the paths of waiting tasks.
  public var outputPaths: OutputPaths?
  /// For accounting's record of an array that has ended: the tasks that never started, such as `2,5-9`.
  public var neverStarted: String?

  public init(record: JobRecord) { self.record = record }

  public init() { self.init(record: JobRecord()) }

  public mutating func list(_ members: inout RecordMembers) {
    members("record", &record)
    members("uid", &uid)
    members("wckey", &wckey)
    members("alloc_sid", &allocSID)
    members("alloc_node", &allocNode)
    members("output_paths", &outputPaths)
    members("never_started", &neverStarted)
  }

  /// The job itself; for waiting tasks of an array, one record per task, unless there are too many.
  public var unfolded: [JobRecord] {
    guard let tasks = record.arrayTasks, let ids = ArrayTasks.ids(in: tasks) else { return [record] }
    return ids.map { id in
      var task = record
      task.arrayTasks = nil
      task.arrayTaskID = id
      // The record's id is the array's; a task gets its own when it starts.
      task.jobID = nil
      outputPaths?.set(&task)
      return task
    }
  }
}

/// slurmctld's configuration and state.
public struct ClusterConfiguration: Record, Equatable {
  public var clusterName: String?
  public var controllerVersion: String?
  /// The release of the libslurm that the helper has loaded.
  public var libraryVersion: String?
  public var tracksWckeys: Bool?
  /// Seconds that slurmctld keeps a job that has ended.
  public var minJobAge: Int?
  /// slurm.conf's ProctrackType, JobAcctGatherType, JobAcctGatherFrequency and AccountingStorageType.
  public var processTracking: String?
  public var usageGatherer: String?
  public var usageFrequency: String?
  public var accountingStorage: String?
  /// Whether slurmctld answered.
  public var controllerIsUp: Bool = false

  public init() {}

  public mutating func list(_ members: inout RecordMembers) {
    members("cluster_name", &clusterName)
    members("controller_version", &controllerVersion)
    members("library_version", &libraryVersion)
    members("tracks_wckeys", &tracksWckeys)
    members("min_job_age", &minJobAge)
    members("process_tracking", &processTracking)
    members("usage_gatherer", &usageGatherer)
    members("usage_frequency", &usageFrequency)
    members("accounting_storage", &accountingStorage)
    members("controller_is_up", &controllerIsUp)
  }
}

/// Why a request was not answered.
public struct SlurmFailure: Error, Record, Equatable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The helper is missing, or cannot be executed because a library is missing.
    case noHelper = "no_helper"
    /// The helper and the library that it loaded are of different releases.
    case wrongLibrary = "wrong_library"
    /// Slurm's commands are not in PATH or cannot be executed.
    case noCommand = "no_command"
    /// The library found no configuration that it can read.
    case noConfiguration = "no_configuration"
    /// No answer within the limit: duct killed the helper.
    case timeout
    /// The helper or a Slurm command ended with a signal or an exit code.
    case helperDied = "helper_died"
    /// The output is not a valid answer.
    case rubbish
    /// slurmctld or slurmdbd and the client (library or command) did not understand each other: their releases are
    /// too far apart.
    case otherRelease = "other_release"
    /// Slurm answered with an error.
    case slurm
  }

  public var kind: Kind
  public var message: String
  /// Slurm's error number, if it gave one.
  public var code: Int?
  /// The last lines that libslurm or a Slurm command printed to stderr.
  public var diagnostics: String?
  /// The release of the libslurm that duct asked.
  public var libraryVersion: String?

  public mutating func list(_ members: inout RecordMembers) {
    members("kind", &kind)
    members("message", &message)
    members("code", &code)
    members("diagnostics", &diagnostics)
    members("library_version", &libraryVersion)
  }

  public init() { self.init(.rubbish, "") }

  public init(_ kind: Kind, _ message: String, code: Int? = nil, diagnostics: String? = nil) {
    self.kind = kind
    self.message = message
    self.code = code
    self.diagnostics = diagnostics
  }

  public var description: String { message }

  /// Whether libslurm cannot be used on this host. This says nothing about Slurm itself, so Slurm's own commands
  /// may answer.
  public var isOfLibrary: Bool { kind == .noHelper || kind == .wrongLibrary || kind == .otherRelease }

  /// Whether the server closed the connection, as it does when it restarts or does not understand the request.
  /// Another try may bring an answer or a clear error.
  public var isOfConnection: Bool { kind == .otherRelease && !isCertain }

  /// Whether Slurm's words clearly name the release as the cause. slurmctld can also close a connection for another
  /// reason.
  private var isCertain: Bool { Self.disagreements.contains(where: said) }

  /// The failure in plain words, if Slurm's message means that releases are too far apart. Otherwise unchanged.
  ///
  /// - Parameters:
  ///   - program: the client, such as `libslurm 22.05.8`.
  ///   - request: determines which server was asked.
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

  /// Whether Slurm's message means that releases are too far apart.
  public var tellsOfReleases: Bool {
    kind == .slurm && (Self.disagreements + Self.closedConnections).contains(where: said)
  }

  /// The server's release. Up to 24.11, a server answers so that an older library can name its release.
  private var serverRelease: SlurmRelease? {
    let mark = "Invalid Protocol Version "
    guard let words = diagnostics, let range = words.firstRange(of: mark) else { return nil }
    return Int(words[range.upperBound...].prefix { $0.isNumber }).flatMap(SlurmRelease.init(protocolVersion:))
  }

  private func said(_ words: String) -> Bool {
    message.contains(words) || diagnostics?.contains(words) == true
  }

  /// Messages of clients about a server whose release is too far from theirs (seen between 22.05, 24.11 and 26.05).
  private static let disagreements = [
    "Insane message length", "Incompatible versions of client and server code",
    "Protocol version has changed", "Failed to unpack SLURM_PERSIST_INIT message",
  ]
  /// Messages of clients whose connection such a server closed before it answered (seen between 22.05 and 26.05). The
  /// server can also have closed the connection for another reason.
  private static let closedConnections = [
    "Zero Bytes were transmitted or received", "Connection reset by peer", "Broken pipe",
  ]
}
