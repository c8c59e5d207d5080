public import RecordText
internal import ResilientIO
public import SystemPackage

/// The paths of a run's files: a prefix, and four names behind it.
public struct LogPaths: Record, Equatable {
  public var stdout: String
  public var stderr: String
  public var usage: String
  public var info: String
  /// The output prefix.
  public var prefix: String

  /// What follows the prefix in each path.
  public enum Suffix {
    public static let stdout = "stdout"
    public static let stderr = "stderr"
    public static let usage = "usage.jsonl"
    public static let info = "info.json"
  }

  public init() { self.init(prefix: "") }

  public init(prefix: String) {
    stdout = prefix + Suffix.stdout
    stderr = prefix + Suffix.stderr
    usage = prefix + Suffix.usage
    info = prefix + Suffix.info
    self.prefix = prefix
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("stdout", &stdout)
    members("stderr", &stderr)
    members("usage", &usage)
    members("info", &info)
    members("prefix", &prefix)
  }

  public var all: [String] { [stdout, stderr, usage, info] }

  /// The directory of the files.
  public var directory: FilePath { FilePath(escaped: info).parent }
}

extension LogPaths {
  /// The path of a stream's log file: 0 for stdout, 1 for stderr.
  public func stream(_ index: Int) -> String { index == 0 ? stdout : stderr }

  /// The same paths as absolute paths. A relative prefix starts at `folder`.
  public func absolute(in folder: String) -> LogPaths {
    prefix.hasPrefix("/") ? self : LogPaths(prefix: folder + "/" + prefix)
  }

  /// The same names in another directory.
  public func moved(to directory: FilePath) -> LogPaths {
    let slash = prefix.lastIndex(of: "/").map { prefix.index(after: $0) } ?? prefix.startIndex
    return LogPaths(prefix: String(escaping: directory.bytes) + "/" + prefix[slash...])
  }
}

extension LogPaths {
  /// The name of a run's file when another file has its own name: see `ResilientIO.nameBeside`.
  public static func nameBeside(_ name: [UInt8], runID: String) -> [UInt8] {
    ResilientIO.nameBeside(name, runID: runID)
  }

  /// Whether a name is `…info.json`, or `…info.json.RUN_ID`: the record of a run when another run had taken its
  /// name.
  public static func isInfo(_ name: String) -> Bool { name.hasSuffix(Suffix.info) || isInfoBeside(name) }

  /// Whether a name is `…info.json.RUN_ID`.
  public static func isInfoBeside(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: "."), name[..<dot].hasSuffix(Suffix.info) else { return false }
    return RunID.isRunID(name[name.index(after: dot)...])
  }
}
