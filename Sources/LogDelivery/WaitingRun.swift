import Glibc
public import RecordText
internal import DuctRecords
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A run that has a folder in a spool.
public struct WaitingRun: WrittenRecord {
  public enum State: String, Sendable {
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
  /// It is of a step that a task prolog has let duct watch.
  public private(set) var isOfStep = false

  public mutating func list(_ members: inout RecordMembers) {
    members("run_id", &runID)
    members("state", &state)
    members("host", &host)
    members("start_time", &startTime)
    members("command", &command)
    members("prefix", &prefix)
    members("bytes", &bytes)
    members("spool", &spool)
    members("problem", &problem)
  }

  init(_ path: FilePath, _ state: State, _ manifest: RunManifest, bytes: Int, problem: String? = nil) {
    self.state = state
    runID = manifest.runID
    host = manifest.host
    startTime = manifest.startTime
    command = manifest.command
    prefix = manifest.paths.prefix
    isOfStep = manifest.isOfStep == true
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
  /// The runs that have a folder in these spools. `con-duct recover --list` shows them, and a later run counts
  /// them.
  ///
  /// - Parameters:
  ///   - own: the folder of the calling run, which is left out.
  ///   - countsRunning: false: leaves out running runs, without reading what they have.
  static func all(
    in spools: [Spool], but own: FilePath? = nil, countsRunning: Bool = true
  ) -> [WaitingRun] {
    spools.flatMap { $0.folders() }.compactMap {
      $0 == own ? nil : read($0, countsRunning: countsRunning)
    }
  }

  /// Seconds that another process may need to find out that a folder is damaged.
  private static let longestLook = 0.2

  /// Reads a run folder. Removes it if its run is over and has left nothing to deliver.
  ///
  /// If a locked folder has no manifest, its run is being set up, or the folder is damaged and a process that tries to
  /// recover it has it: then it is read again until that has finished.
  ///
  /// - Returns: nil if there is nothing, or if the folder was removed.
  static func read(_ path: FilePath, countsRunning: Bool = true) -> WaitingRun? {
    let deadline = MonotonicInstant.now + longestLook
    while true {
      do throws(PrivateFolder.Refusal) {
        if let folder = try SpoolFolder.open(path, sharing: true) { return read(folder) }
      } catch {
        // A run has a folder, so a file here belongs to no run. A link is reported, because it may lead to a run
        // folder.
        let found = try? FileIdentity.asked(at: path, followingLinks: false)
        return found.map { $0.isDirectory || $0.kind == .link } ?? (error.errno != .noSuchFileOrDirectory)
          ? WaitingRun(damaged: path, error.description) : nil
      }
      if !countsRunning { return nil }
      let run = (try? PrivateFolder(path)).flatMap { SpooledRun($0).described(as: .running) }
      if run != nil || deadline < .now { return run }
      usleep(20_000)
    }
  }

  private static func read(_ folder: SpoolFolder) -> WaitingRun? {
    let run = SpooledRun(folder.contents)
    if run.hasNothing {
      // While another process looks into the folder, too, that one or a later one removes it.
      if folder.lockAlone() { folder.removeRun() }
      return nil
    }
    return run.described(as: nil)
  }
}
