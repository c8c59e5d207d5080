internal import Glibc
internal import SystemCalls
public import SystemPackage

/// The little that must be known of slurm.conf before a command starts, read from the file itself:
/// asking the controller would take a helper and a round trip.
public struct SlurmConfigurationFile: Sendable, Equatable {
  public var clusterName: String?
  /// The site uses wckeys: an unknown one may be refused, and a known one is charged.
  public var tracksWckeys = false

  private static let deepestInclude = 8

  public init() {}

  /// Where the client commands look: $SLURM_CONF, then the usual places, the last of them that of a
  /// cluster whose nodes fetch their configuration ("configless").
  ///
  /// - Returns: the first that exists; $SLURM_CONF whether it exists or not.
  public static func locate(environment: [String: String]) -> FilePath? {
    if let path = environment["SLURM_CONF"], !path.isEmpty { return FilePath(path) }
    let places: [FilePath] = [
      "/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/usr/local/etc/slurm.conf",
      "/etc/slurm-llnl/slurm.conf",
    ]
    return places.first { path in path.withPlatformString { access($0, F_OK) } == 0 }
  }

  /// Reads a file and what it includes.
  public init(reading path: FilePath) throws(Errno) {
    try read(path, depth: 0)
  }

  private mutating func read(_ path: FilePath, depth: Int) throws(Errno) {
    let text = String(decoding: try readAll(path), as: UTF8.self)
    var continued = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let content = Self.withoutComment(line)
      if content.hasSuffix("\\") {
        continued += content.dropLast()
        continue
      }
      try parse(continued + content, in: path, depth: depth)
      continued = ""
    }
    try parse(continued, in: path, depth: depth)
  }

  private mutating func parse(_ line: String, in path: FilePath, depth: Int) throws(Errno) {
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
    if words.count == 2, words[0].lowercased() == "include" {
      guard depth < Self.deepestInclude else { return }
      let included = FilePath(String(words[1]))
      try read(
        included.isAbsolute ? included : path.parent.pushing(included),
        depth: depth + 1)
      return
    }
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].filter { $0 != "\"" }
      switch parts[0].lowercased() {
      case "clustername": clusterName = value.lowercased()
      case "trackwckey":
        if ["yes", "up", "true", "1"].contains(value.lowercased()) { tracksWckeys = true }
      case "accountingstorageenforce":
        // `all` contains wckeys.
        let limits = value.lowercased().split(separator: ",")
        if limits.contains("wckeys") || limits.contains("all") { tracksWckeys = true }
      default: break
      }
    }
  }

  /// A `#` starts a comment unless a backslash stands before it.
  private static func withoutComment(_ line: Substring) -> String {
    var result = ""
    for character in line {
      if character == "#" {
        guard result.hasSuffix("\\") else { break }
        result.removeLast()
      }
      result.append(character)
    }
    return result
  }
}
