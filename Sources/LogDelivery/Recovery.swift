internal import DuctRecords
import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
public import SlurmJobs
internal import SystemCalls
public import SystemPackage

/// Brings home what runs have left in spools: carries it to their log directories, and finishes the
/// records of runs whose duct was killed.
public struct Recovery: Sendable {
  /// What became of one run.
  public enum Outcome: Sendable {
    /// Everything is where it belongs; the folder in the spool is gone.
    case delivered(prefix: String, notes: [String])
    /// What could not be delivered, each with its reason: it stays in the spool.
    case waiting(prefix: String, reasons: [String], notes: [String])
    /// It is in use: the run goes on, or another recovers it.
    case busy
    /// Its folder has gone: another has delivered it meanwhile.
    case gone
    /// Nothing was left to be delivered: the folder in the spool is gone.
    case empty
    /// The folder may not be used, or holds nothing that can be delivered.
    case unusable(String)
  }

  /// Jobs of a run as Slurm knows them now, from its info.json at a path; nil if that cannot be asked.
  public typealias JobLookup = @Sendable (FilePath) -> [JobRecord]?

  private let places: [SpoolPlace]
  private let credentials: [UInt8]?
  private let jobs: JobLookup

  /// - Parameters:
  ///   - spool: the spool directory that the user chose; nil for the default places.
  ///   - environment: as for a run, with `KRB5CCNAME` for the credentials.
  public init(spool: FilePath?, environment: [String: String], jobs: @escaping JobLookup) {
    places = RunSpool.places(chosen: spool, environment)
    credentials = environment["KRB5CCNAME"]?.originalBytes
    self.jobs = jobs
  }

  // MARK: What there is

  /// Every folder of a run in the spools of this host.
  public var folders: [FilePath] { Spool.existing(in: places).flatMap { $0.folders() } }

  /// Spools of this user that cannot be trusted any more, each with the reason: what waits in them is not known.
  public var refusals: [String] {
    Spool.refused(in: places).map { "\($0.base) is not looked into: \($0.reason)" }
  }

  /// The runs in them. Folders of runs that are over and have left nothing are removed by this.
  public var runs: [WaitingRun] { WaitingRun.all(in: places) }

  /// The run of a folder; nil where nothing waits.
  public func run(in folder: FilePath) -> WaitingRun? { WaitingRun.look(at: folder) }

  /// The runs that a word of the command line means: by folder, id or prefix; where there is none, by log directory.
  public func meant(by word: String, among folders: [FilePath]) -> [FilePath] {
    let word = RunWord(word)
    for fit in [RunWord.Fit.exactly, .byDirectory, .byDirectoryAsked] {
      let meant = folders.filter { word.means($0, fit) }
      if !meant.isEmpty { return meant }
    }
    return []
  }

  /// Whether a word of the command line is the folder of a run, wherever that is.
  public static func isFolderOfRun(_ word: String) -> Bool {
    let path = FilePath(escaped: word)
    // Also one behind a link: it is refused, and not taken for a directory with a record.
    if path.appending(name: RunManifest.fileName).withPlatformString({ access($0, F_OK) }) == 0 {
      return true
    }
    // That of another user cannot be looked into: it is told by where it is.
    return isPlaceOfRun(path) && path.withPlatformString { access($0, F_OK) == 0 || errno == EACCES }
  }

  /// Whether a word of the command line is where the folder of a run was.
  public static func isFolderThatIsGone(_ word: String) -> Bool {
    let path = FilePath(escaped: word)
    return isPlaceOfRun(path) && path.withPlatformString { access($0, F_OK) != 0 && errno == ENOENT }
  }

  private static func isPlaceOfRun(_ path: FilePath) -> Bool {
    SpoolPlace.isName(path.parent.nameBytes) && RunID.isRunID(String(escaping: path.nameBytes))
  }

  // MARK: Bringing home

  /// The processes of a run that has just ended may need a moment to go.
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

  /// Delivers what is in a folder.
  ///
  /// - Parameters:
  ///   - directory: where to, if not to the log directory of the run.
  ///   - lock: the folder's lock, where this process has inherited it.
  ///   - logs: the log files of the streams, where the relay wrote them and this process has inherited them.
  ///   - patience: seconds to wait for others who have it in use.
  ///   - limit: seconds for it.
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
      // Nothing is made in a folder that may be of no run.
      guard run.manifest != nil || run.hasNothing else { return .unusable(run.problem ?? "") }
      guard let carrying = try opened.lockDelivery(until: .now + (lock == nil ? patience : limit)) else {
        return .busy
      }
      defer { carrying.closeQuietly() }
      return deliver(opened, to: directory, logs: logs, limit: limit)
    } catch {
      return error.errno == .noSuchFileOrDirectory ? .gone : .unusable(Self.explained(error, folder))
    }
  }

  private func deliver(
    _ folder: SpoolFolder, to directory: FilePath?, logs: [FileDescriptor?], limit: Double
  ) -> Outcome {
    let run = SpooledRun(folder.contents)
    if let page = run.page, page.recordsWereRemoved, let manifest = run.manifest {
      // Its duct could not do all of it, or was killed meanwhile.
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
    if let directory { manifest.paths = manifest.paths.moved(to: directory) }
    do throws(Errno) {
      var recovery = RecoveredRun(folder, manifest, run, credentials, logs, hasMoved: directory != nil)
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

  /// Why a folder is refused, and what root can do that wants to help its owner.
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
