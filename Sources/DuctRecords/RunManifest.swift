public import RecordText
public import ResilientIO
internal import SystemCalls
public import SystemPackage

/// A file in the run folder that describes the run: where its files belong, for the process that delivers them.
public struct RunManifest: Record, Equatable {
  public static let fileName = "manifest.json"

  /// See `RunID`.
  public var runID: String
  /// Version of the duct that wrote the manifest.
  public var ductVersion = Versions.duct
  /// The host that the spool is on: its name up to the first dot.
  public var host: String
  /// Pid of duct.
  public var pid: Int32
  /// Identifies the boot of the host. From /proc/sys/kernel/random/boot_id.
  public var bootID: String?
  /// Start of the run in seconds since 1970.
  public var startTime: Double
  /// The command and its arguments, separated by spaces, without secrets. Cut off after `longestCommand`.
  public var command: String
  /// The directory in which the command was started.
  public var workingDirectory: String
  /// The output prefix. Relative prefixes start at `workingDirectory`.
  public var prefix: String
  /// Absolute paths, so that they are valid in any directory.
  public var paths: LogPaths
  /// Whether stdout and stderr are captured.
  public var captured: [Bool]
  /// The relay writes the log files itself, as long as it can.
  public var isDirect: Bool
  /// The expressions of `--redact`. See `Redaction`.
  public var redact: [String]?
  /// Whether secrets are left out of records. Nil in manifests of older releases; means true.
  public var redactSecrets: Bool?
  /// Whether the run is of a step that a task prolog has let duct watch. Nil means false.
  public var isOfStep: Bool?

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

  public init() {
    self.init(
      runID: "", host: "", pid: 0, bootID: nil, startTime: 0, command: "", workingDirectory: "", prefix: "",
      paths: LogPaths(), captured: [], isDirect: false)
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("run_id", &runID)
    members("duct_version", &ductVersion)
    members("host", &host)
    members("pid", &pid)
    members("boot_id", &bootID)
    members("start_time", &startTime)
    members("command", &command)
    members("working_directory", &workingDirectory)
    members("prefix", &prefix)
    members("paths", &paths)
    members("captured", &captured)
    members("is_direct", &isDirect)
    members("redact", &redact)
    members("redact_secrets", &redactSecrets)
    members("is_of_step", &isOfStep)
  }

  /// Bytes. A manifest has a few KB; each path in it has at most 4 KB.
  private static let largest = 1 << 20
  /// The most Unicode scalars of the command that are written. JSON needs up to twelve bytes for each, so the
  /// manifest stays below the size that is read.
  public static let longestCommand = 60_000

  public static func read(_ folder: FilePath) -> RunManifest? {
    (try? PrivateFolder(folder)).flatMap { try? read($0) }
  }

  /// - Throws: `Refusal`: the manifest may be damaged, or from another release.
  public static func read(_ folder: PrivateFolder) throws(PrivateFolder.Refusal) -> RunManifest {
    let bytes = try folder.read(fileName, limit: largest)
    guard let manifest = try? RunManifest(json: bytes) else { throw .init("it is no manifest of a run") }
    if let problem = manifest.problem { throw .init(problem) }
    return manifest
  }

  /// What is wrong with the manifest; nil if nothing is. It determines where files are written, so nothing in
  /// it is trusted.
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
    try folder.contents.replace(Self.fileName, with: jsonLine)
  }
}

extension RunManifest {
  /// Whether a run folder has a manifest, so that `recover` can deliver what is in it.
  public static func exists(in folder: SpoolFolder) -> Bool { folder.contents.has(fileName) }

  public var redaction: Redaction { Redaction(recorded: redact, hidesSecrets: redactSecrets ?? true) }
}
