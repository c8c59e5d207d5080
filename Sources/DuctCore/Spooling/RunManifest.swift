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
  }

  static func read(_ folder: FilePath) -> RunManifest? {
    guard let bytes = try? readAll(folder.appending(name: fileName)),
      let value = try? JSONParser.parse(bytes)
    else { return nil }
    return try? RecordDecoder().decode(RunManifest.self, from: value)
  }

  func write(to folder: SpoolFolder) throws(IOFailure) {
    let bytes = (try? RecordEncoder().line(self)) ?? []
    try AtomicFile.replace(folder.file(Self.fileName), with: bytes, durability: .process)
  }

  static var currentBootID: String? {
    guard let bytes = try? readAll("/proc/sys/kernel/random/boot_id", limit: 64) else { return nil }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
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
