internal import DuctRecords
import Glibc
internal import KerberosTickets
internal import OutputRelay
internal import RecordText
internal import ResilientIO
public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// Delivers what runs have left in spools to their log directories, and completes the records of runs whose
/// duct was killed.
public struct Recovery: Sendable {
  /// The outcome of one recovery.
  public enum Outcome: Sendable {
    /// Everything is delivered. The run folder is removed.
    case delivered(prefix: String, notes: [String])
    /// Some files could not be delivered, each with its reason. They stay in the spool.
    case waiting(prefix: String, reasons: [String], notes: [String])
    /// The run has not ended, or another process recovers it.
    case busy
    /// The run folder does not exist: another process has delivered the run in the meantime.
    case gone
    /// Nothing was left to deliver. The run folder is removed.
    case empty
    /// The folder must not be used, or contains nothing that can be delivered.
    case unusable(String)
  }

  /// Asks Slurm for the jobs of a run. The argument is the path of its info.json. Nil if the jobs are not
  /// known.
  public typealias JobLookup = @Sendable (FilePath) -> [JobRecord]?

  private let places: [SpoolPlace]
  private let credentials: [UInt8]?
  private let jobs: JobLookup

  /// - Parameters:
  ///   - spool: the spool directory that the user chose; nil: the default places.
  ///   - environment: as for a run, with `KRB5CCNAME` for the credentials.
  public init(spool: FilePath?, environment: [String: String], jobs: @escaping JobLookup) {
    places = RunSpool.places(chosen: spool, environment)
    credentials = environment["KRB5CCNAME"]?.originalBytes
    self.jobs = jobs
  }

  // MARK: Waiting runs

  /// All run folders in the spools of this host.
  public var folders: [FilePath] { Spool.existing(in: places).flatMap { $0.folders() } }

  /// Spools of this user that can no longer be trusted, each with the reason. What waits in them is not known.
  public var refusals: [String] {
    Spool.refused(in: places).map { "\($0.base) is not looked into: \($0.reason)" }
  }

  /// The runs in these spools. Removes the folders of runs that are over and have left nothing.
  public var runs: [WaitingRun] { WaitingRun.all(in: Spool.existing(in: places)) }

  /// The run of a folder; nil if nothing waits.
  public func run(in folder: FilePath) -> WaitingRun? { WaitingRun.read(folder) }

  /// The runs that a word on the command line means: by folder, run id or prefix; if there is none, by log
  /// directory.
  public func meant(by word: String, among folders: [FilePath]) -> [FilePath] {
    let word = RunWord(word)
    for fit in [RunWord.Fit.exactly, .byDirectory, .byDirectoryAsked] {
      let meant = folders.filter { word.means($0, fit) }
      if !meant.isEmpty { return meant }
    }
    return []
  }

  /// Whether a word on the command line is a run folder, in any place.
  public static func isFolderOfRun(_ word: String) -> Bool {
    let path = FilePath(escaped: word)
    // A folder behind a link counts too, so that it is refused and not taken for a directory with records.
    if path.appending(name: RunManifest.fileName).withPlatformString({ access($0, F_OK) }) == 0 {
      return true
    }
    // The folder of another user cannot be read, so recognize it by its place.
    return isPlaceOfRun(path) && path.withPlatformString { access($0, F_OK) == 0 || errno == EACCES }
  }

  /// Whether a word on the command line is the path of a run folder that does not exist any more.
  public static func isFolderThatIsGone(_ word: String) -> Bool {
    let path = FilePath(escaped: word)
    return isPlaceOfRun(path) && path.withPlatformString { access($0, F_OK) != 0 && errno == ENOENT }
  }

  private static func isPlaceOfRun(_ path: FilePath) -> Bool {
    SpoolPlace.isName(path.parent.nameBytes) && RunID.isRunID(String(escaping: path.nameBytes))
  }

  // MARK: Delivering

  /// Opens a run folder. Waits up to `patience` seconds, because the processes of a run that has just ended may
  /// still hold its lock. Nil if the lock is not free by then.
  private static func open(
    _ folder: FilePath, patience: Double
  ) throws(PrivateFolder.Refusal) -> SpoolFolder? {
    let deadline = MonotonicInstant.now + patience
    while true {
      if let found = try SpoolFolder.open(folder) { return found }
      if deadline < .now { return nil }
      usleep(20_000)
    }
  }

  /// Delivers what is in a run folder.
  ///
  /// - Parameters:
  ///   - directory: where to deliver it; nil: into the log directory of the run.
  ///   - lock: the folder's lock, if this process has inherited it.
  ///   - logs: the log files of stdout and stderr, if the relay wrote them and this process has inherited them.
  ///   - patience: seconds to wait for other processes that use the folder.
  ///   - limit: seconds that the delivery may take.
  public func deliver(
    _ folder: FilePath, to directory: FilePath? = nil, lock: FileDescriptor? = nil,
    logs: [FileDescriptor?] = [nil, nil], patience: Double = 1, limit: Double
  ) -> Outcome {
    do throws(PrivateFolder.Refusal) {
      let opened: SpoolFolder
      if let lock {
        opened = try SpoolFolder(folder, inheriting: lock)
      } else {
        guard let found = try Self.open(folder, patience: patience) else { return .busy }
        opened = found
      }
      let run = SpooledRun(opened.contents)
      // Create nothing in a folder that may not belong to a run.
      guard run.manifest != nil || run.hasNothing else { return .unusable(run.problem ?? "") }
      guard let carrierLock = try opened.lockCarrier(until: .now + (lock == nil ? patience : limit)) else {
        return .busy
      }
      defer { carrierLock.closeQuietly() }
      return deliver(opened, to: directory, logs: logs, limit: limit)
    } catch {
      return error.errno == .noSuchFileOrDirectory ? .gone : .unusable(Self.explained(error, folder))
    }
  }

  private func deliver(
    _ folder: SpoolFolder, to directory: FilePath?, logs: [FileDescriptor?], limit: Double
  ) -> Outcome {
    // The folder has the id of the run as its name. Whoever holds its lock knows that its duct has ended.
    OwnTicketCache(runID: String(escaping: folder.path.nameBytes)).remove()
    let run = SpooledRun(folder.contents)
    if let page = run.page, page.recordsWereRemoved, let manifest = run.manifest {
      // duct could not remove all records, or was killed before that.
      let leftovers = LogDirectory.removeOurs(manifest.paths, status: page.status, runID: manifest.runID)
      if !leftovers.isEmpty {
        return .waiting(prefix: manifest.paths.prefix, reasons: leftovers.compactMap(\.failure), notes: [])
      }
    }
    if run.hasNothing {
      folder.removeRun()
      return .empty
    }
    guard var manifest = run.manifest else { return .unusable(run.problem ?? "it has no manifest") }
    let former = directory.map { _ in manifest.paths }
    if let directory { manifest.paths = manifest.paths.moved(to: directory) }
    do throws(Errno) {
      var recovery = try RecoveredRun(folder, manifest, run, credentials, logs, former: former)
      let recovered = try recovery.deliver(jobs: jobs, limit: limit)
      if recovered.leftovers.isEmpty {
        folder.removeRun()
        return .delivered(prefix: manifest.paths.prefix, notes: recovered.notes)
      }
      return .waiting(
        prefix: manifest.paths.prefix, reasons: recovered.leftovers, notes: recovered.notes)
    } catch {
      return .unusable("\(error.description) (\(error.name))")
    }
  }

  // MARK: Folders of others

  /// Why a folder is refused. If root wants to help its owner: with the command that does it.
  private static func explained(_ refusal: PrivateFolder.Refusal, _ folder: FilePath) -> String {
    guard let owner = refusal.owner, geteuid() == 0, owner != 0 else { return refusal.description }
    let command = "con-duct recover \(folder.escapedText.shellWord)"
    let prefix =
      UserAccount(uid: owner).map {
        "runuser -u \(String(escaping: $0.name).shellWord) --"
      } ?? "setpriv --reuid=\(owner) --regid=\(owner) --clear-groups --"
    return "\(refusal.description), and is not to be obeyed by root; run: \(prefix) \(command)"
  }
}
