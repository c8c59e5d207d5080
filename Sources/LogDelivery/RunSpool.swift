internal import DuctRecords
import Glibc
public import Logging
public import OutputRelay
internal import RecordText
public import ResilientIO
internal import SystemCalls
public import SystemPackage

/// The run's storage on local disk: its run folder in the spool, or memory if no disk is suitable.
public struct RunSpool: Sendable {
  public enum FileName {
    static let status = "status"
    static let stdout = "stdout"
    static let stderr = "stderr"
    static let usage = "usage.jsonl"
    public static let info = "info.json"

    /// The page of a delivery into another directory, and the run's prefix there.
    static let elsewhere = "elsewhere"
    static let elsewherePrefix = "elsewhere.prefix"

    static func stream(_ index: Int) -> String { index == 0 ? stdout : stderr }
    /// The beginning of a stream, copied from a log file that was removed.
    static func head(_ index: Int) -> String { stream(index) + ".head" }

    private static let all = Set(
      [
        status, stdout, stderr, head(0), head(1), usage, info, elsewhere, elsewherePrefix,
        RunManifest.fileName, SpoolFolder.carrier,
      ]
      .map { Array($0.utf8) })

    /// Whether a file of that name in a run folder is one of duct's. duct removes no others there.
    static func isOurs(_ name: [UInt8]) -> Bool {
      if all.contains(name) { return true }
      // The temporary name of a file that is being replaced: `.NAME.PID.tmp`.
      let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      return parts.count > 3 && parts[0].isEmpty && parts[parts.count - 1].elementsEqual("tmp".utf8)
        && parts[parts.count - 2].allSatisfy { (0x30...0x39).contains($0) }
        && all.contains(Array(parts[1..<(parts.count - 2)].joined(separator: [UInt8(ascii: ".")])))
    }
  }

  /// The most bytes of output that wait in memory, if no disk can hold them.
  static let memoryLimit = 64 << 20

  /// Nil: no disk is suitable.
  public let folder: SpoolFolder?
  public let status: RelayStatus
  /// The stores of stdout and stderr, without the log file. Nil: the stream is not captured.
  public let stores: [OutputStores?]
  public let usageFile: FileDescriptor?
  public let usageMemory: FileDescriptor?

  private let places: [SpoolPlace]

  /// Creates the run folder and the files in it. If no folder can be created, logs a warning and uses memory.
  /// Does without a file that cannot be created.
  ///
  /// - Parameters:
  ///   - chosen: the spool directory that the user chose; nil: the default places.
  ///   - limit: the most bytes of output that may wait on disk; nil: only the disk limits it.
  ///   - captured: whether stdout and stderr are captured.
  ///   - environment: `TMPDIR`, `HOME` and `XDG_RUNTIME_DIR` determine the default places.
  /// - Throws: if not even a page in memory can be created.
  public init(
    chosen: FilePath?, limit: Int?, captured: [Bool], runID: String, environment: [String: String],
    log: Logger
  ) throws(Errno) {
    places = Self.places(chosen: chosen, environment)
    if let made = Self.make(in: places, isChosen: chosen != nil, runID: runID, log: log) {
      (folder, status) = made
    } else {
      (folder, status) = (nil, try RelayStatus())
    }
    status.setLimits(spool: limit, memory: Self.memoryLimit)
    let inUse = folder
    stores = (0..<2).map { index in
      guard captured[index] else { return nil }
      return OutputStores(
        log: nil, spool: inUse.flatMap { Self.file($0, FileName.stream(index)) },
        memory: Self.memory(FileName.stream(index)))
    }
    usageFile = inUse.flatMap { Self.file($0, FileName.usage) }
    usageMemory = Self.memory(FileName.usage)
  }

  /// The places where a spool can be, the best first.
  ///
  /// Behind the folders for temporary files come places that no other user can have taken: the home directory,
  /// if it is on a local disk, and a folder with a random name. `$XDG_RUNTIME_DIR` is the last, because it is
  /// in memory and is removed when the user has logged out.
  public static func places(chosen: FilePath?, _ environment: [String: String]) -> [SpoolPlace] {
    func folder(_ name: String) -> FilePath? {
      environment[name].flatMap { $0.isEmpty ? nil : FilePath(escaped: $0) }
    }
    var places: [SpoolPlace] = []
    if let chosen { places.append(.named(chosen)) }
    if let folder = folder("TMPDIR") { places.append(.named(folder)) }
    places += [.named("/var/tmp"), .named("/tmp")]
    if let home = folder("HOME") { places.append(.home(home)) }
    places += [.random("/var/tmp"), .random("/tmp")]
    places.append(.named(folder("XDG_RUNTIME_DIR") ?? FilePath("/run/user/\(geteuid())")))
    return places
  }

  /// The spool that a run would use here, which is created if there is none, and why the places before it are not
  /// suitable. Nil: no disk is.
  ///
  /// - Parameter chosen: the spool directory that the user chose; nil: the default places.
  public static func find(
    chosen: FilePath?, _ environment: [String: String]
  ) -> (spool: Spool?, reasons: [(path: FilePath, reason: String)]) {
    var reasons: [(path: FilePath, reason: String)] = []
    let spool = Spool.find(in: places(chosen: chosen, environment)) { reasons.append(($0, $1)) }
    return (spool, reasons)
  }

  /// Makes the run folder and the page in it, in the first place where both can be made.
  private static func make(
    in places: [SpoolPlace], isChosen: Bool, runID: String, log: Logger
  ) -> (SpoolFolder, RelayStatus)? {
    var reasons: [String] = []
    func refuse(_ path: FilePath, _ reason: String) {
      if isChosen, reasons.isEmpty {
        log.warning("Cannot use the spool directory \(path): \(reason); looking for another")
      }
      reasons.append("\(path): \(reason)")
    }
    for place in places {
      guard let spool = Spool.find(in: [place], reject: refuse) else { continue }
      do throws(IOFailure) {
        let made = try make(in: spool, runID: runID)
        for reason in reasons { log.debug("No place for the spool: \(reason)") }
        return made
      } catch {
        refuse(spool.base, error.description)
      }
    }
    log.warning(
      "No local disk can hold what cannot be written to the log directory (\(reasons.joined(separator: "; "))): it is kept in memory"
    )
    return nil
  }

  private static func make(in spool: Spool, runID: String) throws(IOFailure) -> (SpoolFolder, RelayStatus) {
    let folder = try SpoolFolder.create(spool, name: runID)
    let page = folder.file(FileName.status)
    do throws(Errno) { return (folder, try RelayStatus(creating: page)) } catch {
      folder.removeRun()
      throw IOFailure("create", page, error)
    }
  }

  private static func file(_ folder: SpoolFolder, _ name: String) -> FileDescriptor? {
    try? folder.contents.open(name, .readWrite, options: [.create, .exclusiveCreate])
  }

  private static func memory(_ name: String) -> FileDescriptor? { try? FileDescriptor.memory("duct \(name)") }

  /// The runs that are over and that `con-duct recover --list` shows.
  ///
  /// Does not look for a spool with a random name, unless this run uses one: that means to list a whole folder for
  /// temporary files. A run that finds another place does not tell of runs there; `con-duct recover` finds them.
  public func earlierRuns() -> [WaitingRun] {
    var spools = Spool.existing(in: places.filter(\.hasFixedName))
    if let base = folder?.path.parent, !spools.contains(where: { $0.base == base }) {
      spools.append(Spool(base: base))
    }
    return WaitingRun.all(in: spools, but: folder?.path, countsRunning: false)
  }

  /// Removes the delivered records from the run folder: only the relay may still have output, and what is in
  /// the folder counts as waiting.
  public func noteRecordsAreDelivered() {
    folder?.contents.remove(FileName.info)
    folder?.contents.remove(FileName.usage)
  }

  /// Removes the run folder, after everything was delivered.
  public func remove() { folder?.removeRun() }
}

extension SpoolFolder {
  /// Removes the folder of a run that has nothing left to deliver.
  func removeRun() { remove(RunSpool.FileName.isOurs) }
}
