import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// A run that has left something in a spool.
public struct WaitingRun: Sendable, Encodable {
  public enum State: String, Sendable, Encodable {
    /// Its duct or its relay is there still.
    case running
    /// It ended, and something could not be delivered.
    case waiting
    /// Its duct was killed.
    case interrupted
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

  enum CodingKeys: String, CodingKey {
    case runID = "run_id"
    case state, host
    case startTime = "start_time"
    case command, prefix, bytes, spool
  }
}

/// Brings home what runs have left in spools: carries it to their log directories, and finishes the
/// records of runs whose duct was killed.
public struct Recovery: Sendable {
  /// What became of one run.
  public enum Outcome: Sendable {
    /// Everything is where it belongs; the folder in the spool is gone.
    case delivered(prefix: String, files: Int)
    /// What could not be delivered, each with its reason: it stays in the spool.
    case waiting(prefix: String, reasons: [String])
    /// It is in use: the run goes on, or another recovers it.
    case busy
    /// Its folder has gone: another has delivered it meanwhile.
    case gone
    /// The run was killed before it had begun: its folder is gone.
    case empty
    /// The folder holds nothing that could be delivered.
    case unreadable(String)
  }

  /// Jobs of a run as Slurm knows them now, from its info.json at a path; nil if that cannot be asked.
  public typealias JobSource = @Sendable (FilePath) -> [JobRecord]?

  private let parents: [FilePath]
  private let credentials: [UInt8]?
  private let jobs: JobSource

  /// - Parameter spoolDirectory: as of `--spool-dir`.
  public init(_ surroundings: Surroundings, spoolDirectory: String? = nil, jobs: @escaping JobSource) {
    parents = RunSpool.parents(spoolDirectory ?? surroundings["DUCT_SPOOL_DIR"], surroundings)
    credentials = surroundings.environment["KRB5CCNAME"]?.originalBytes
    self.jobs = jobs
  }

  /// Every folder of a run in the spools of this host.
  public var folders: [FilePath] { Spool.existing(in: parents).flatMap { $0.folders() } }

  // MARK: What there is

  /// The run of a folder; nil where none can be told.
  public func run(in folder: FilePath) -> WaitingRun? {
    guard let manifest = RunManifest.read(folder) else { return nil }
    let lock = try? SpoolFolder.open(folder)
    defer { lock?.lock.closeQuietly() }
    let info = (try? readAll(folder.appending(name: RunSpool.FileName.info), limit: 1 << 28))
      .flatMap { try? JSONParser.parse($0) }
    let state: WaitingRun.State =
      lock == nil ? .running : info?["run_state"]?.string == "finished" ? .waiting : .interrupted
    return WaitingRun(
      runID: manifest.runID, state: state, host: manifest.host, startTime: manifest.startTime,
      command: manifest.command, prefix: manifest.paths.prefix, bytes: Self.bytesWaiting(folder),
      spool: String(escaping: folder.bytes))
  }

  private static func bytesWaiting(_ folder: FilePath) -> Int {
    guard
      let page = try? FileDescriptor.opening(folder.appending(name: RunSpool.FileName.status), .readWrite),
      let status = try? RelayStatus(left: page)
    else { return 0 }
    return (0..<2).reduce(0) { sum, index in
      let first = status.firstCarried(stream: index) ?? .max
      return sum + max(status[index].written - max(status.proven(stream: index), first), 0)
    }
  }

  /// The run's records were removed, as it is wanted of a command that fails at once.
  private static func removedRun(_ folder: FilePath) -> RelayStatus? {
    guard
      let page = try? FileDescriptor.opening(folder.appending(name: RunSpool.FileName.status), .readWrite),
      let status = try? RelayStatus(left: page), status.ending == .removed
    else { return nil }
    return status
  }

  private static func holdsNothing(_ folder: FilePath) -> Bool {
    let names = [RunSpool.FileName.stdout, RunSpool.FileName.stderr, RunSpool.FileName.usage]
    return names.allSatisfy { (FileIdentity(at: folder.appending(name: $0))?.size ?? 0) == 0 }
  }

  /// Whether a word of the command line means that run: its folder, its id, or its prefix.
  public func isMeant(_ folder: FilePath, by word: String) -> Bool {
    let path = FilePath(escaped: word)
    if folder == path || folder.bytes == path.bytes + [UInt8(ascii: "/")] { return true }
    guard let manifest = RunManifest.read(folder) else { return false }
    let absolute = LogPaths(prefix: word).absolute(in: currentDirectory()).prefix
    return [manifest.runID, manifest.prefix, manifest.paths.prefix].contains(word)
      || manifest.paths.prefix == absolute || manifest.paths.all.contains(absolute)
  }

  // MARK: Bringing home

  /// The processes of a run that has just ended may need a moment to go.
  private static func open(_ folder: FilePath, patience: Double) throws(IOFailure) -> SpoolFolder? {
    let deadline = MonotonicInstant.now + patience
    while true {
      if let found = try SpoolFolder.open(folder) { return found }
      if deadline < .now || FileIdentity(at: folder) == nil { return nil }
      usleep(20_000)
    }
  }

  /// What has become of a folder whose locks could not be had.
  private static func notOurs(_ folder: FilePath) -> Outcome {
    FileIdentity(at: folder) == nil ? .gone : .busy
  }

  /// Delivers what is in a folder.
  ///
  /// - Parameters:
  ///   - directory: where to, if not to the log directory of the run.
  ///   - lock: the folder's lock, where this process has inherited it.
  ///   - patience: seconds to wait for others who have it in use.
  ///   - limit: seconds for it.
  public func deliver(
    _ folder: FilePath, to directory: FilePath? = nil, lock: FileDescriptor? = nil, patience: Double = 1,
    limit: Double
  ) -> Outcome {
    let opened: SpoolFolder
    if let lock {
      opened = SpoolFolder(folder, inheriting: lock)
    } else {
      do throws(IOFailure) {
        guard let found = try Self.open(folder, patience: patience) else { return Self.notOurs(folder) }
        opened = found
      } catch {
        return .unreadable(error.description)
      }
    }
    defer { if lock == nil { opened.lock.closeQuietly() } }
    guard let carrying = opened.lockCarrying(until: .now + (lock == nil ? patience : limit)) else {
      return Self.notOurs(folder)
    }
    defer { carrying.closeQuietly() }
    if let status = Self.removedRun(folder) {
      if let manifest = RunManifest.read(folder) {
        LogDirectory.removeOurs(manifest.paths, status: status, label: manifest.runID)
      }
      opened.remove()
      return .empty
    }
    guard var manifest = RunManifest.read(folder) else {
      if Self.holdsNothing(folder) {
        opened.remove()
        return .empty
      }
      return .unreadable("it has no manifest.json")
    }
    if let directory { manifest.paths = manifest.paths.moved(to: directory) }
    do throws(Errno) {
      let leftovers = try RecoveredRun(opened, manifest, credentials, hasMoved: directory != nil)
        .deliver(jobs: jobs, limit: limit)
      if leftovers.isEmpty {
        opened.remove()
        return .delivered(prefix: manifest.paths.prefix, files: manifest.paths.all.count)
      }
      return .waiting(
        prefix: manifest.paths.prefix,
        reasons: leftovers.map { $0.failure ?? "\($0.path) could not be written" })
    } catch {
      return .unreadable("\(error.description) (\(error.name))")
    }
  }
}
