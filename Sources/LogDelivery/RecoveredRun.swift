internal import DuctRecords
import Glibc
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// One run that is brought home from its folder in the spool.
struct RecoveredRun {
  /// What became of it, for the user.
  struct Result: Sendable {
    /// What could not be delivered, or not be read: the folder stays.
    var leftovers: [String] = []
    /// What is delivered, and not as one would expect.
    var notes: [String] = []
  }

  private typealias Name = RunSpool.FileName

  private let folder: PrivateFolder
  private let manifest: RunManifest
  private let credentials: [UInt8]?
  /// The log directory has moved: info.json shall say where the files are now.
  private let hasMoved: Bool
  /// Nil where the relay's page is missing or broken: then the streams are not known.
  private let page: SpooledPage?
  private let pageProblem: String?
  private let usage: RecoveredUsage?
  /// Log files of the relay that this process has inherited.
  private let logs: [FileDescriptor?]
  /// What cannot be read.
  private var problems: [String] = []
  /// What is missing.
  private var notes: [String] = []

  private var status: RelayStatus? { page?.status }

  init(
    _ folder: SpoolFolder, _ manifest: RunManifest, _ run: SpooledRun, _ credentials: [UInt8]?,
    _ logs: [FileDescriptor?], hasMoved: Bool
  ) {
    self.logs = logs
    self.hasMoved = hasMoved
    self.folder = folder.contents
    self.manifest = manifest
    self.credentials = credentials
    page = run.page
    pageProblem = run.pageProblem
    do throws(PrivateFolder.Refusal) {
      usage = RecoveredUsage(try folder.contents.open(Name.usage, .readOnly))
    } catch {
      usage = nil
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.usage): \(error)") }
    }
    if let usage, usage.damagedLength > 0 {
      problems.append("\(Name.usage): its last \(usage.damagedLength) bytes are no text")
    }
  }

  mutating func deliver(jobs: Recovery.JobLookup, limit: Double) throws(Errno) -> Result {
    let deadline = MonotonicInstant.now + limit
    let streams = (0..<2).map { stream($0) }
    let notices = Monitor(notes)
    // Without the page nothing is known to be ours: everything goes beside what is there.
    let known: RelayStatus
    if let status { known = status } else { known = try RelayStatus() }
    let carrier = try ThreadCarrier(
      DeliverySources(
        streams: streams, usage: usage ?? WrittenUsage(disk: nil, memory: nil, isComplete: { true })),
      to: manifest.paths, runID: manifest.runID, status: known, isSuccessor: true, credentials: credentials
    ) { notice in
      if let text = CarrierNotice(notice)?.textForRecovery { notices.update { $0.append(text) } }
    }
    for (index, stream) in streams.enumerated() {
      guard let stream, let status else { continue }
      let known = max(
        status.proven(stream: index), manifest.isDirect ? status.deliveryStart(stream: index) ?? 0 : 0)
      carrier.adoptStream(index, proven: stream.position(of: known))
      carrier.deliverStream(index)
    }
    if let usage, usage.readableLength > 0 { carrier.deliverUsage() }
    var info = RecoveredInfo(
      folder: folder, manifest: manifest, status: status, usage: usage, hasMoved: hasMoved)
    if let bytes = info.finished(jobs) { carrier.replaceInfo(bytes) }
    let leftovers = carrier.finish(until: deadline)
    return Result(
      leftovers: leftovers.map { $0.failure ?? "\($0.path) could not be written" }
        + (problems + info.problems).map { "in \(folder.path), \($0)" },
      notes: notices.withLock { $0 })
  }

  // MARK: The streams

  /// A stream with something to carry. Nil where all of it is in its log file already, or nothing of it can
  /// be read.
  private mutating func stream(_ index: Int) -> RenderedOutput? {
    guard manifest.captured[index] else { return nil }
    let name = Name.stream(index)
    guard let page else {
      note(lostPageOf: index)
      return nil
    }
    if let problem = page.problem(stream: index) {
      problems.append("\(Name.status): what it says of \(name) cannot be true: \(problem)")
      return nil
    }
    // What another has removed is to be had from the open file alone, and is made anew.
    if page.isInLog(index, manifest), removedLog(index) != nil {
      page.status.leaveLogAfterEnd(for: OutputStores.Kind.spool.rawValue, stream: index)
    }
    if page.isInLog(index, manifest) {
      noteAbsentLog(index)
      return nil
    }
    let waiting = page.bytesWaiting(stream: index, manifest)
    let file: FileDescriptor
    do throws(PrivateFolder.Refusal) { file = try folder.open(name, .readOnly) } catch {
      // Without it what is in the log directory already is all that there is.
      if waiting == 0 { return nil }
      problems.append("\(name), with \(waiting) bytes for \(manifest.paths.stream(index)): \(error)")
      return nil
    }
    // Nobody writes any more: what the relay could not note before it was killed counts too.
    page.status.noteAbandoned(stream: index, sizes: [nil, folder.size(of: name), nil])
    guard page.status.isInOrder(stream: index) else {
      problems.append(
        "\(Name.status): what it says of \(name) cannot be true: more was delivered than printed")
      return nil
    }
    return RenderedOutput(
      stream: index, stores: OutputStores(log: beginning(index), spool: file, memory: nil),
      status: page.status, wake: {})
  }

  /// All of a stream went into its log file: it is gone with that. How much it was, only the file would tell.
  private mutating func noteAbsentLog(_ index: Int) {
    if hasMoved { return }
    let path = FilePath(escaped: manifest.paths.stream(index))
    do throws(Errno) {
      if isNoted(try FileIdentity.asked(at: path, followingLinks: false), index) { return }
    } catch {
      guard error == .noSuchFileOrDirectory else {
        problems.append(
          "\(Name.stream(index)) is in \(path) alone, which cannot be looked at: \(error.description) (\(error.name))"
        )
        return
      }
    }
    notes.append(
      "\(path) was removed or replaced: what this run had printed into it, if anything, is kept nowhere else")
  }

  private func removedLog(_ index: Int) -> FileDescriptor? {
    logs[index].flatMap { LogDirectory.isRemoved($0) ? $0 : nil }
  }

  private func isNoted(_ found: FileIdentity, _ index: Int) -> Bool {
    status?.isNoted(found, as: .stream(index)) ?? false
  }

  /// What the relay has written into the log file itself, where it did: from that file or, if it had been
  /// removed while the run went on, from the copy in the folder.
  private mutating func beginning(_ index: Int) -> FileDescriptor? {
    guard manifest.isDirect else { return nil }
    if let log = removedLog(index) { return log }
    do throws(PrivateFolder.Refusal) { return try folder.open(Name.head(index), .readOnly) } catch {
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.head(index)): \(error)") }
    }
    // What cannot be opened, or is another's, is missing: the carrier says so.
    guard let file = try? openRegularFile(FilePath(escaped: manifest.paths.stream(index))) else { return nil }
    // A directory that has moved may be a copy.
    if hasMoved || FileIdentity(of: file).map({ isNoted($0, index) }) ?? false { return file }
    file.closeQuietly()
    return nil
  }

  /// Nobody can say where in its log file belongs what the spool has of a stream.
  private mutating func note(lostPageOf index: Int) {
    let name = Name.stream(index)
    guard let size = folder.size(of: name), size > 0 else { return }
    problems.append(
      "\(name) holds up to \(size) bytes for \(manifest.paths.stream(index)), and which of them is not known: \(pageProblem ?? Name.status)"
    )
  }
}

extension CarrierNotice {
  /// What the user of `con-duct recover` is to know of a file that is delivered.
  fileprivate var textForRecovery: String? {
    switch self {
    case .displaced(let path, let place): "\(path) is another's: the file of this run is \(place)"
    case .restored(let path, let missing) where missing > 0:
      "\(missing) bytes of \(path) are missing: it was removed or shortened, and they were kept nowhere else"
    case .lost(let path, let bytes):
      "\(bytes) bytes of \(path) are missing: they could not be read back from the spool"
    case .began, .ended, .restored: nil
    }
  }
}
