internal import Glibc
internal import RecordText
internal import SystemCalls
public import SystemPackage

/// The few settings of slurm.conf that duct needs before a command starts. It reads the file itself, because asking
/// the controller would take a helper and a round trip.
public struct SlurmConfigurationFile: Sendable, Equatable {
  public var clusterName: String?
  /// The site uses wckeys: Slurm may refuse an unknown one, and charges a known one.
  public var tracksWckeys = false

  private static let deepestInclude = 8
  /// In bytes. duct rejects a larger file: the setting that enables wckeys may be at its end.
  private static let largestFile = 1 << 20

  public init() {}

  /// Finds slurm.conf where Slurm's commands look for it: $SLURM_CONF, then the folder compiled into them, which is
  /// found from the `scontrol` in PATH, then the usual places. These include the place on clusters whose nodes
  /// fetch their configuration ("configless", sackd).
  ///
  /// - Returns: the first that exists; $SLURM_CONF even if it does not exist.
  public static func locate(environment: [String: String]) -> FilePath? {
    if let path = environment["SLURM_CONF"], !path.isEmpty { return FilePath(path) }
    let places: [FilePath] = [
      "/etc/slurm/slurm.conf", "/run/slurm/conf/slurm.conf", "/usr/local/etc/slurm.conf",
      "/etc/slurm-llnl/slurm.conf",
    ]
    return (besideCommands(path: environment["PATH"]) + places).first(where: exists)
  }

  /// Where Slurm is installed with its own prefix, its commands are in PREFIX/bin and its configuration is in
  /// PREFIX/etc, unless it was built with other settings.
  private static func besideCommands(path: String?) -> [FilePath] {
    guard let prefix = prefix(path: path) else { return [] }
    return ["etc/slurm.conf", "etc/slurm/slurm.conf"].map { prefix.appending($0) }
  }

  /// Whether Slurm's commands are not where a distribution puts them, so that its configuration may be elsewhere
  /// too.
  public static func hasOwnPrefix(path: String?) -> Bool {
    prefix(path: path).map { !["/usr", "/"].contains($0.string) } ?? false
  }

  private static func prefix(path: String?) -> FilePath? {
    file(named: Array("scontrol".utf8), inSearchPath: path?.originalBytes).flatMap(realpath).map {
      $0.parent.parent
    }
  }

  private static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  private static func realpath(_ path: FilePath) -> FilePath? {
    guard let resolved = path.withPlatformString({ Glibc.realpath($0, nil) }) else { return nil }
    defer { free(resolved) }
    return FilePath(platformString: resolved)
  }

  /// Reads a file and the files it includes.
  ///
  /// - Throws: the error of open(2) or read(2), and EFBIG if one of them is too large.
  public init(reading path: FilePath) throws(Errno) {
    try read(path, depth: 0)
  }

  private mutating func read(_ path: FilePath, depth: Int) throws(Errno) {
    let bytes = try readAll(path, limit: Self.largestFile + 1)
    if bytes.count > Self.largestFile { throw .fileTooLarge }
    let text = String(decoding: bytes, as: UTF8.self)
    var continued = ""
    // Swift treats "\r\n" as one character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for line in lines {
      let content = Self.withoutComment(line)
      if let start = Self.beforeContinuation(content) {
        continued += start
        continue
      }
      try parse(continued + content, in: path, depth: depth)
      continued = ""
    }
    try parse(continued, in: path, depth: depth)
  }

  private mutating func parse(_ line: String, in path: FilePath, depth: Int) throws(Errno) {
    let words = line.split(whereSeparator: \.isWhitespace)
    if words.count == 2, words[0].lowercased() == "include" {
      guard depth < Self.deepestInclude else { return }
      let included = FilePath(String(words[1]))
      try read(
        included.isAbsolute ? included : path.parent.pushing(included),
        depth: depth + 1)
      return
    }
    for (key, value) in Self.settings(in: line) {
      switch key.lowercased() {
      case "clustername": clusterName = value.lowercased()
      case "trackwckey":
        if ["yes", "up", "true", "1"].contains(value.lowercased()) { tracksWckeys = true }
      case "accountingstorageenforce":
        // `all` includes wckeys.
        let limits = value.lowercased().split(separator: ",").map { $0.filter { !$0.isWhitespace } }
        if limits.contains("wckeys") || limits.contains("all") { tracksWckeys = true }
      default: break
      }
    }
  }

  /// The settings in a line, found like Slurm's own pattern does: a key, an optional operator, `=` with optional
  /// spaces around it, and a value in quotes or up to the next space.
  private static func settings(in line: String) -> [(key: Substring, value: String)] {
    var settings: [(Substring, String)] = []
    var rest = line[...]
    while true {
      rest = rest.drop { $0.isWhitespace }
      if rest.isEmpty { return settings }
      if let (key, value, after) = setting(at: rest) {
        settings.append((key, value))
        rest = after
      } else {
        rest = rest.drop { !$0.isWhitespace }
      }
    }
  }

  private static func setting(at text: Substring) -> (key: Substring, value: String, rest: Substring)? {
    let key = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
    var rest = text[key.endIndex...].drop { $0.isWhitespace }
    if let first = rest.first, "-*+/".contains(first) { rest.removeFirst() }
    guard !key.isEmpty, rest.first == "=" else { return nil }
    rest = rest.dropFirst().drop { $0.isWhitespace }
    if rest.first == "\"" {
      let quoted = rest.dropFirst().prefix { $0 != "\"" }
      let after = rest[quoted.endIndex...].dropFirst()
      if quoted.endIndex < rest.endIndex, after.first?.isWhitespace ?? true {
        return (key, String(quoted), after)
      }
    }
    let plain = rest.prefix { !$0.isWhitespace }
    return plain.isEmpty ? nil : (key, plain.filter { $0 != "\"" }, rest[plain.endIndex...])
  }

  /// The text before a backslash at the end of a line, not counting trailing spaces; nil if there is none.
  private static func beforeContinuation(_ line: String) -> Substring? {
    var start = line[...]
    while let last = start.last, last.isWhitespace { start.removeLast() }
    let backslashes = start.reversed().prefix { $0 == "\\" }.count
    return backslashes % 2 == 1 ? start.dropLast() : nil
  }

  /// Removes a comment. A `#` starts a comment unless a backslash precedes it.
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
