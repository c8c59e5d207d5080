import Glibc
internal import Logging
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What a run has on local disk: its folder in the spool, or memory where no disk will do.
struct RunSpool: Sendable {
  enum FileName {
    static let status = "status"
    static let stdout = "stdout"
    static let stderr = "stderr"
    static let usage = "usage.jsonl"
    static let info = "info.json"

    static func stream(_ index: Int) -> String { index == 0 ? stdout : stderr }
    /// The beginning of a stream, from a log file that was removed.
    static func head(_ index: Int) -> String { stream(index) + ".head" }

    private static let all = Set(
      [status, stdout, stderr, head(0), head(1), usage, info, RunManifest.fileName, SpoolFolder.carrier]
        .map { Array($0.utf8) })

    /// Whether a file of that name in the folder of a run is one of duct's. Nothing else is removed there.
    static func isOurs(_ name: [UInt8]) -> Bool {
      if all.contains(name) { return true }
      // Where a file was being replaced: `.NAME.PID.tmp`.
      let parts = name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      return parts.count > 3 && parts[0].isEmpty && parts[parts.count - 1].elementsEqual("tmp".utf8)
        && parts[parts.count - 2].allSatisfy { (0x30...0x39).contains($0) }
        && all.contains(Array(parts[1..<(parts.count - 2)].joined(separator: [UInt8(ascii: ".")])))
    }
  }

  /// Bytes of output in memory, where no disk can hold them.
  static let memoryLimit = 64 << 20

  /// Nil: no disk will do.
  let folder: SpoolFolder?
  let status: RelayStatus
  /// Of each captured stream, without the log file.
  let stores: [OutputStores?]
  let usageFile: FileDescriptor?
  let usageMemory: FileDescriptor?

  private let places: [SpoolPlace]

  /// Makes it. What cannot be had is left out, and told.
  init(
    _ settings: RunSettings, _ surroundings: Surroundings, runID: String, log: Logger
  ) throws(Errno) {
    places = Self.places(settings.spoolDirectory, surroundings)
    let made = Self.folder(in: places, isChosen: settings.spoolDirectory != nil, runID: runID, log: log)
    if let made, let status = try? RelayStatus(creating: made.file(FileName.status)) {
      (folder, self.status) = (made, status)
    } else {
      if let made {
        log.warning(
          "\(made.path) cannot be used: what cannot be written to the log directory is kept in memory")
        made.removeRun()
      }
      (folder, status) = (nil, try RelayStatus())
    }
    status.setLimits(spool: settings.spoolLimit, memory: Self.memoryLimit)
    let inUse = folder
    stores = (0..<2).map { index in
      guard settings.captureOutputs.includes(index) else { return nil }
      return OutputStores(
        log: nil, spool: inUse.flatMap { Self.file($0, FileName.stream(index)) },
        memory: Self.memory(FileName.stream(index)))
    }
    usageFile = inUse.flatMap { Self.file($0, FileName.usage) }
    usageMemory = Self.memory(FileName.usage)
  }

  /// Where a spool may be, the best first.
  ///
  /// Behind the folders for temporary files comes what nobody can have taken before: the home directory,
  /// where it is on a local disk, and a folder of a random name. `$XDG_RUNTIME_DIR` is the last: it is in memory, and is
  /// removed when the user has logged out.
  static func places(_ option: String?, _ surroundings: Surroundings) -> [SpoolPlace] {
    func folder(_ name: String) -> FilePath? {
      surroundings.environment[name].flatMap { $0.isEmpty ? nil : FilePath(escaped: $0) }
    }
    var places: [SpoolPlace] = []
    if let option, !option.isEmpty {
      places.append(.named(FilePath(escaped: surroundings.expandHome(option))))
    }
    if let folder = folder("TMPDIR") { places.append(.named(folder)) }
    places += [.named("/var/tmp"), .named("/tmp")]
    if let home = folder("HOME") { places.append(.home(home)) }
    places += [.random("/var/tmp"), .random("/tmp")]
    places.append(.named(folder("XDG_RUNTIME_DIR") ?? FilePath("/run/user/\(geteuid())")))
    return places
  }

  private static func folder(
    in places: [SpoolPlace], isChosen: Bool, runID: String, log: Logger
  ) -> SpoolFolder? {
    var reasons: [String] = []
    let spool = Spool.find(in: places) { path, reason in
      if isChosen, reasons.isEmpty {
        log.warning("Cannot use the spool directory \(path): \(reason); looking for another")
      }
      reasons.append("\(path): \(reason)")
    }
    guard let spool else {
      log.warning(
        "No local disk can hold what cannot be written to the log directory (\(reasons.joined(separator: "; "))): it is kept in memory"
      )
      return nil
    }
    for reason in reasons { log.debug("No place for the spool: \(reason)") }
    do throws(IOFailure) { return try SpoolFolder.create(spool, name: runID) } catch {
      log.warning("\(error): what cannot be written to the log directory is kept in memory")
      return nil
    }
  }

  private static func file(_ folder: SpoolFolder, _ name: String) -> FileDescriptor? {
    try? folder.contents.open(name, .readWrite, options: [.create, .exclusiveCreate])
  }

  private static func memory(_ name: String) -> FileDescriptor? { try? FileDescriptor.memory("duct \(name)") }

  /// Runs that are over, and that `con-duct recover --list` shows.
  func earlierRuns() -> Int {
    WaitingRun.all(in: places, but: folder?.path).count { $0.state != .running }
  }

  /// The records are where they belong, and only the relay may have more: what is in the folder waits.
  func noteRecordsAreDelivered() {
    folder?.contents.remove(FileName.info)
    folder?.contents.remove(FileName.usage)
  }

  /// Removes the folder: all is where it belongs.
  func remove() { folder?.removeRun() }
}

extension SpoolFolder {
  /// Removes the folder of a run that has nothing waiting any more.
  func removeRun() { remove(RunSpool.FileName.isOurs) }
}
