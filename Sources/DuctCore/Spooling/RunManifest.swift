internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What a spool tells of its run: where its files belong, for whoever carries them there.
struct RunManifest: Codable, Sendable, Equatable {
  static let fileName = "manifest.json"

  var runID: String
  var ductVersion = Versions.duct
  /// The login node that the spool is on.
  var host: String
  var pid: Int32
  /// Tells one boot of the host from another.
  var bootID: String?
  /// Seconds since 1970.
  var startTime: Double
  var command: String
  var workingDirectory: String
  /// As it was given.
  var prefix: String
  /// From the root, so that they can be found from any directory.
  var paths: LogPaths
  /// For stdout and stderr.
  var captured: [Bool]
  /// The relay began with the log files themselves.
  var isDirect: Bool
  /// What is left out of records.
  var redact: [String]?
  /// Nil: by an older release; as true.
  var redactSecrets: Bool?

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
  static let longestCommand = 60_000

  static func read(_ folder: FilePath) -> RunManifest? {
    (try? PrivateFolder(folder)).flatMap { try? read($0) }
  }

  /// - Throws: what is wrong with it: it may have been damaged, or written by another release.
  static func read(_ folder: PrivateFolder) throws(PrivateFolder.Refusal) -> RunManifest {
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

  func write(to folder: SpoolFolder) throws(PrivateFolder.Refusal) {
    try folder.contents.replace(Self.fileName, with: (try? RecordEncoder().line(self)) ?? [])
  }

  static let currentBootID: String? = (try? readAll("/proc/sys/kernel/random/boot_id", limit: 64)).map {
    bytes in
    String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}

extension RunManifest {
  var redaction: Redaction { Redaction(recorded: redact, hidesSecrets: redactSecrets ?? true) }
}

extension LogPaths {
  /// The path of a captured stream.
  func stream(_ index: Int) -> String { index == 0 ? stdout : stderr }

  /// From the root.
  func absolute(in folder: String) -> LogPaths {
    prefix.hasPrefix("/") ? self : LogPaths(prefix: folder + "/" + prefix)
  }

  /// The same names in another directory.
  func moved(to directory: FilePath) -> LogPaths {
    let slash = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
    return LogPaths(prefix: String(escaping: directory.bytes) + "/" + prefix[slash...])
  }
}
