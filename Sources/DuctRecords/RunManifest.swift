internal import RecordText
public import ResilientIO
internal import SystemCalls
public import SystemPackage

/// What a spool tells of its run: where its files belong, for whoever carries them there.
public struct RunManifest: Codable, Sendable, Equatable {
  public static let fileName = "manifest.json"

  public var runID: String
  public var ductVersion = Versions.duct
  /// The login node that the spool is on.
  public var host: String
  public var pid: Int32
  /// Tells one boot of the host from another.
  public var bootID: String?
  /// Seconds since 1970.
  public var startTime: Double
  public var command: String
  public var workingDirectory: String
  /// As it was given.
  public var prefix: String
  /// From the root, so that they can be found from any directory.
  public var paths: LogPaths
  /// For stdout and stderr.
  public var captured: [Bool]
  /// The relay began with the log files themselves.
  public var isDirect: Bool
  /// What is left out of records.
  public var redact: [String]?
  /// Nil: by an older release; as true.
  public var redactSecrets: Bool?

  public init(
    runID: String, host: String, pid: Int32, bootID: String?, startTime: Double, command: String,
    workingDirectory: String, prefix: String, paths: LogPaths, captured: [Bool], isDirect: Bool,
    redact: [String]? = nil, redactSecrets: Bool? = nil
  ) {
    self.runID = runID
    self.host = host
    self.pid = pid
    self.bootID = bootID
    self.startTime = startTime
    self.command = command
    self.workingDirectory = workingDirectory
    self.prefix = prefix
    self.paths = paths
    self.captured = captured
    self.isDirect = isDirect
    self.redact = redact
    self.redactSecrets = redactSecrets
  }

  enum CodingKeys: String, CodingKey {
    case runID = "run_id"
    case ductVersion = "duct_version"
    case host, pid
    case bootID = "boot_id"
    case startTime = "start_time"
    case command
    case workingDirectory = "working_directory"
    case prefix, paths, captured
    case isDirect = "is_direct"
    case redact
    case redactSecrets = "redact_secrets"
  }

  /// A manifest has some KB; a path is no longer than 4.
  private static let largest = 1 << 20
  /// Scalars of the command, each of which may be written as twelve bytes: so it is read again.
  public static let longestCommand = 60_000

  public static func read(_ folder: FilePath) -> RunManifest? {
    (try? PrivateFolder(folder)).flatMap { try? read($0) }
  }

  /// - Throws: what is wrong with it: it may have been damaged, or written by another release.
  public static func read(_ folder: PrivateFolder) throws(PrivateFolder.Refusal) -> RunManifest {
    let bytes = try folder.read(fileName, limit: largest)
    guard let value = try? JSONParser.parse(bytes),
      let manifest = try? RecordDecoder().decode(RunManifest.self, from: value)
    else { throw .init("it is no manifest of a run") }
    if let problem = manifest.problem { throw .init(problem) }
    return manifest
  }

  /// Files are written where it says: so nothing in it is taken on trust.
  private var problem: String? {
    if captured.count != 2 { return "it does not tell of two streams" }
    // Up to the year 9999.
    if !(0...253_402_300_799).contains(startTime) { return "its start time is none" }
    if runID.isEmpty || runID.utf8.count > 100 || runID.utf8.contains(where: { $0 == 0 || $0 == 0x2F }) {
      return "its run_id is none"
    }
    let all = paths.all
    if Set(all).count != all.count { return "two of its paths are the same" }
    for path in all + [paths.prefix] {
      let bytes = path.originalBytes
      if bytes.first != UInt8(ascii: "/") || bytes.contains(0) { return "its paths do not begin at the root" }
    }
    return nil
  }

  public func write(to folder: SpoolFolder) throws(PrivateFolder.Refusal) {
    try folder.contents.replace(Self.fileName, with: (try? RecordEncoder().line(self)) ?? [])
  }
}

extension RunManifest {
  /// Whether a run folder has a manifest, so that `recover` can deliver what is in it.
  public static func exists(in folder: SpoolFolder) -> Bool { folder.contents.has(fileName) }

  public var redaction: Redaction { Redaction(recorded: redact, hidesSecrets: redactSecrets ?? true) }
}
