import Glibc
public import Logging
internal import RecordText
internal import SystemCalls

/// The environment of duct, and the settings of .env files, over which the environment wins.
///
/// Variables of .env files are for duct alone. The command does not get them.
public struct Surroundings: Sendable {
  /// The entries of the environment, in their original order.
  public let entries: [[UInt8]]
  /// The environment by name, with invalid UTF-8 as escaped bytes.
  public let environment: [String: String]
  /// The variables of .env files, except those that the environment contains.
  private(set) var fromFiles: [String: String] = [:]
  /// Messages about the files, for the log. duct reads the files before it knows the log level.
  public private(set) var notes: [(level: Logger.Level, text: String)] = []

  static let defaultPaths = "/etc/duct/.env:${XDG_CONFIG_HOME:-~/.config}/duct/.env:.duct/.env"

  /// Reads the environment, and the .env files of $DUCT_CONFIG_PATHS or of the three default places.
  public init() {
    let own = Array("\(OwnProgram.variable)=".utf8)
    self.init(entries: environmentEntries().filter { !$0.starts(with: own) })
  }

  init(entries: [[UInt8]]) {
    self.entries = entries
    environment = Self.environment(of: entries)
    readFiles()
  }

  /// An environment by name, with invalid UTF-8 as escaped bytes. Of two entries with one name, the first counts, as for
  /// getenv(3).
  public static func environment(of entries: some Sequence<some Collection<UInt8>>) -> [String: String] {
    var environment: [String: String] = [:]
    for entry in entries {
      guard let mark = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = String(escaping: Array(entry[..<mark]))
      if environment[name] == nil { environment[name] = String(escaping: Array(entry[mark...].dropFirst())) }
    }
    return environment
  }

  /// The same without some variables of the environment.
  public func without(_ names: Set<String>) -> Surroundings {
    Surroundings(
      entries: entries.filter { entry in
        !names.contains(String(escaping: entry.prefix { $0 != UInt8(ascii: "=") }))
      })
  }

  /// The value in the environment; if there is none, the value in the .env files.
  public subscript(name: String) -> String? { environment[name] ?? fromFiles[name] }

  /// When the Slurm job ends that this process is in, in seconds since 1970. Nil outside of a job, and where Slurm does
  /// not say it.
  public var jobEnd: Double? { environment["SLURM_JOB_END_TIME"].flatMap(Double.init) }

  /// Messages about files, or parts of files, that duct cannot use.
  public var warnings: [String] { notes.filter { $0.level >= .warning }.map(\.text) }

  /// Later files win over earlier ones.
  private mutating func readFiles() {
    let given = environment["DUCT_CONFIG_PATHS"]
    let search = given ?? Self.defaultPaths
    notes.append((.debug, "Searching for .env files in: \(search)"))
    // Expands variables first, because a default (`:-`) contains a colon too.
    let paths = expandVariables(search) { environment[$0] }.utf8.split(separator: UInt8(ascii: ":"))
    let files = paths.reversed().compactMap { path -> SettingsFile? in
      let trimmed = String(Substring(path)).trimmed
      if trimmed.isEmpty { return nil }
      let place = expandHome(trimmed)
      return SettingsFile(path: place, isNamed: given != nil && place.utf8.first == UInt8(ascii: "/"))
    }
    for (file, reading) in zip(files, SettingsFile.read(files)) {
      switch reading {
      case .absent: notes.append((.debug, ".env file not found (skipping): \(file.path)"))
      case .leftOut(let reason): notes.append((.warning, "Leaving out .env file \(file.path): \(reason)"))
      case .bytes(let bytes): use(bytes, of: file.path)
      }
    }
  }

  private mutating func use(_ bytes: [UInt8], of path: String) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      notes.append((.warning, "Skipping malformed .env file \(path): it is not UTF-8"))
      return
    }
    notes.append((.info, "Loading .env file: \(path)"))
    let known = environment.merging(fromFiles) { own, _ in own }
    let file = DotEnv(text, environment: known)
    if let first = file.malformedLines.first {
      let others = file.malformedLines.count - 1
      let more = others == 0 ? "" : ", and \(others) more"
      notes.append((.warning, "Passing over line \(first) of \(path)\(more): it is no NAME=value"))
    }
    for (name, value) in file.values where known[name] == nil {
      if let value { fromFiles[name] = value }
    }
  }

  /// Replaces `~` or `~name` at the start of a path. Leaves the path unchanged if there is no such home.
  public func expandHome(_ path: String) -> String {
    guard path.utf8.first == UInt8(ascii: "~") else { return path }
    let rest = path.utf8.dropFirst()
    let name = String(Substring(rest.prefix { $0 != UInt8(ascii: "/") }))
    let folder =
      name.isEmpty
      ? environment["HOME"] ?? home(of: UserAccount(uid: getuid()))
      : home(of: UserAccount(name: name.originalBytes))
    return folder.map { $0 + Substring(rest.dropFirst(name.utf8.count)) } ?? path
  }
}

private func home(of account: UserAccount?) -> String? {
  account.flatMap { $0.home.isEmpty ? nil : String(escaping: $0.home) }
}
