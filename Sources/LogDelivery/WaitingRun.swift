internal import DuctRecords
internal import ResilientIO
internal import SystemCalls
public import SystemPackage

/// A run whose folder is in a spool.
public struct WaitingRun: Sendable, Encodable {
  public enum State: String, Sendable, Encodable {
    /// Its duct or its relay is there still.
    case running
    /// It ended, and something could not be delivered.
    case waiting
    /// Its duct was killed.
    case interrupted
    /// What its folder holds cannot be read.
    case damaged
  }

  public var runID: String
  public var state: State
  public var host: String
  /// Seconds since 1970.
  public var startTime: Double
  public var command: String
  /// Where its files belong.
  public var prefix: String
  /// Bytes on disk that have not been delivered, as far as that is known.
  public var bytes: Int
  public var spool: String
  /// What cannot be read of it, and why.
  public var problem: String?

  enum CodingKeys: String, CodingKey {
    case runID = "run_id"
    case state, host
    case startTime = "start_time"
    case command, prefix, bytes, spool, problem
  }

  init(_ path: FilePath, _ state: State, _ manifest: RunManifest, bytes: Int, problem: String? = nil) {
    self.state = state
    runID = manifest.runID
    host = manifest.host
    startTime = manifest.startTime
    command = manifest.command
    prefix = manifest.paths.prefix
    self.bytes = bytes
    spool = String(escaping: path.bytes)
    self.problem = problem
  }

  /// One of which no more is known than its folder.
  public init(damaged path: FilePath, _ problem: String, since time: Int = 0) {
    state = .damaged
    runID = String(escaping: path.nameBytes)
    host = hostName()
    startTime = Double(time)
    command = ""
    prefix = ""
    bytes = 0
    spool = String(escaping: path.bytes)
    self.problem = problem
  }
}

extension WaitingRun {
  /// The runs that have a folder in these places. What `con-duct recover --list` shows, and what a later
  /// run counts, comes from here.
  ///
  /// - Parameter own: the folder of the run that asks, which is left out.
  static func all(in places: [SpoolPlace], but own: FilePath? = nil) -> [WaitingRun] {
    Spool.existing(in: places).flatMap { $0.folders() }.compactMap { $0 == own ? nil : look(at: $0) }
  }

  /// Looks at a folder, and removes it if its run is over and has left nothing that could be delivered.
  ///
  /// - Returns: nil where nothing is there, or nothing any more.
  static func look(at path: FilePath) -> WaitingRun? {
    let folder: SpoolFolder?
    do throws(PrivateFolder.Refusal) { folder = try SpoolFolder.open(path) } catch {
      // A run has a folder: a file among them is of none. (A link is told of: it may lead to one.)
      let found = try? FileIdentity.asked(at: path, followingLinks: false)
      return found.map { $0.isDirectory || $0.kind == .link } ?? (error.errno != .noSuchFileOrDirectory)
        ? WaitingRun(damaged: path, error.description) : nil
    }
    guard let folder else {
      return (try? PrivateFolder(path)).flatMap { SpooledRun($0).described(as: .running) }
    }
    let run = SpooledRun(folder.contents)
    if run.hasNothing {
      folder.removeRun()
      return nil
    }
    return run.described(as: nil)
  }
}
