import Glibc
internal import DuctRecords
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A run that has a folder in a spool.
public struct WaitingRun: Sendable, Encodable {
  public enum State: String, Sendable, Encodable {
    /// Its duct or its relay still runs.
    case running
    /// The run is over, and something could not be delivered.
    case waiting
    /// Its duct was killed.
    case interrupted
    /// The contents of its folder cannot be read.
    case damaged
  }

  public var runID: String
  public var state: State
  /// The host that the run was on, up to the first dot.
  public var host: String
  /// Seconds since 1970.
  public var startTime: Double
  public var command: String
  /// The output prefix: where its files belong.
  public var prefix: String
  /// Bytes on disk that are not delivered, as far as this is known.
  public var bytes: Int
  /// The path of the run folder.
  public var spool: String
  /// What cannot be read, and why.
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

  /// A run of which only the folder is known.
  ///
  /// - Parameter time: when the folder was last modified, in seconds since 1970.
  init(damaged path: FilePath, _ problem: String, since time: Int = 0) {
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
  /// The runs that have a folder in these places. `con-duct recover --list` shows them, and a later run counts
  /// them.
  ///
  /// - Parameter own: the folder of the calling run, which is left out.
  static func all(in places: [SpoolPlace], but own: FilePath? = nil) -> [WaitingRun] {
    Spool.existing(in: places).flatMap { $0.folders() }.compactMap { $0 == own ? nil : read($0) }
  }

  /// Reads a run folder. Removes it if its run is over and has left nothing to deliver.
  ///
  /// - Returns: nil if there is nothing, or if the folder was removed.
  static func read(_ path: FilePath) -> WaitingRun? {
    let folder: SpoolFolder?
    do throws(PrivateFolder.Refusal) { folder = try open(path) } catch {
      // A run has a folder, so a file here belongs to no run. A link is reported, because it may lead to a run
      // folder.
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

  /// How often, and with pauses of how many microseconds, a locked folder is opened again.
  private static let (tries, pause): (Int, UInt32) = (10, 20_000)

  /// Opens a run folder. Nil if its run is running.
  ///
  /// Another process that lists runs holds the lock for a moment, too. A locked folder that has a manifest counts as
  /// running. One without it may be damaged, so it is opened again until the other process has finished.
  private static func open(_ path: FilePath) throws(PrivateFolder.Refusal) -> SpoolFolder? {
    for _ in 0..<tries {
      if let folder = try SpoolFolder.open(path) { return folder }
      if RunManifest.read(path) != nil { return nil }
      usleep(pause)
    }
    return nil
  }
}
