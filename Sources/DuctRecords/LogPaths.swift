internal import RecordText
internal import ResilientIO
public import SystemPackage

/// Where a run's records go: one prefix, four names behind it.
public struct LogPaths: Sendable, Codable, Equatable {
  public var stdout: String
  public var stderr: String
  public var usage: String
  public var info: String
  public var prefix: String

  public enum Suffix {
    public static let stdout = "stdout"
    public static let stderr = "stderr"
    public static let usage = "usage.jsonl"
    public static let info = "info.json"
  }

  public init(prefix: String) {
    stdout = prefix + Suffix.stdout
    stderr = prefix + Suffix.stderr
    usage = prefix + Suffix.usage
    info = prefix + Suffix.info
    self.prefix = prefix
  }

  public var all: [String] { [stdout, stderr, usage, info] }

  /// The directory that the files are in.
  public var directory: FilePath { FilePath(escaped: info).parent }
}

extension LogPaths {
  /// The path of a captured stream.
  public func stream(_ index: Int) -> String { index == 0 ? stdout : stderr }

  /// From the root.
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
  /// What the file of that name is called where another has the name.
  public static func nameBeside(_ name: [UInt8], runID: String) -> [UInt8] {
    ResilientIO.nameBeside(name, runID: runID)
  }

  /// Whether a name is `…info.json`, or `…info.json.RUN_ID`: the record of a run whose name another run had taken.
  public static func isInfo(_ name: String) -> Bool { name.hasSuffix(Suffix.info) || isInfoBeside(name) }

  /// Whether a name is `…info.json.RUN_ID`.
  public static func isInfoBeside(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: "."), name[..<dot].hasSuffix(Suffix.info) else { return false }
    return RunID.isRunID(name[name.index(after: dot)...])
  }
}
