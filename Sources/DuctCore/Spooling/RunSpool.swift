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

  /// Makes it. What cannot be had is left out, and told.
  init(
    _ settings: RunSettings, _ surroundings: Surroundings, runID: String, log: Logger
  ) throws(Errno) {
    let folder = Self.folder(settings, surroundings, runID: runID, log: log)
    var status: RelayStatus?
    if let folder { status = try? RelayStatus(creating: folder.file(FileName.status)) }
    if let status { self.status = status } else { self.status = try RelayStatus() }
    self.status.setLimits(spool: settings.spoolLimit, memory: Self.memoryLimit)
    self.folder = status == nil ? nil : folder
    let inUse = self.folder
    stores = (0..<2).map { index in
      guard settings.captureOutputs.includes(index) else { return nil }
      return OutputStores(
        log: nil, spool: inUse.flatMap { Self.file($0, FileName.stream(index)) },
        memory: Self.memory(FileName.stream(index)))
    }
    usageFile = inUse.flatMap { Self.file($0, FileName.usage) }
    usageMemory = Self.memory(FileName.usage)
  }

  /// Folders for temporary files, the best first.
  static func parents(_ option: String?, _ surroundings: Surroundings) -> [FilePath] {
    var parents: [FilePath] = []
    if let option, !option.isEmpty { parents.append(FilePath(escaped: surroundings.expandHome(option))) }
    if let folder = surroundings.environment["TMPDIR"], !folder.isEmpty {
      parents.append(FilePath(escaped: folder))
    }
    return parents + ["/var/tmp", "/tmp"]
  }

  private static func folder(
    _ settings: RunSettings, _ surroundings: Surroundings, runID: String, log: Logger
  ) -> SpoolFolder? {
    var reasons: [String] = []
    let parents = parents(settings.spoolDirectory, surroundings)
    let spool = Spool.find(in: parents) { path, reason in
      reasons.append("\(path): \(reason)")
      if path.starts(with: parents[0]), settings.spoolDirectory != nil {
        log.warning("Cannot use the spool directory \(path): \(reason); looking for another")
      }
    }
    guard let spool else {
      log.warning(
        "No local disk can hold what cannot be written to the log directory (\(reasons.joined(separator: "; "))): it is kept in memory"
      )
      return nil
    }
    do throws(IOFailure) { return try SpoolFolder.create(spool, name: runID) } catch {
      log.warning("\(error): what cannot be written to the log directory is kept in memory")
      return nil
    }
  }

  private static func file(_ folder: SpoolFolder, _ name: String) -> FileDescriptor? {
    try? FileDescriptor.opening(
      folder.file(name), .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
  }

  private static func memory(_ name: String) -> FileDescriptor? { try? FileDescriptor.memory("duct \(name)") }

  /// Runs whose folders lie in the same spool, and which are over.
  func earlierRuns() -> Int {
    guard let folder else { return 0 }
    return Spool(base: folder.path.parent).folders().count { other in
      guard other != folder.path, let found = try? SpoolFolder.open(other) else { return false }
      found.lock.closeQuietly()
      return true
    }
  }

  /// Removes the folder: all is where it belongs.
  func remove() {
    typealias Name = FileName
    folder?.remove([
      Name.status, Name.stdout, Name.stderr, Name.usage, Name.info, RunManifest.fileName,
    ])
  }
}
