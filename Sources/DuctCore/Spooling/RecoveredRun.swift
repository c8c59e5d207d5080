import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
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
  private static let largestInfo = 256 << 20

  private let folder: PrivateFolder
  private let manifest: RunManifest
  private let credentials: [UInt8]?
  /// The log directory has moved: info.json shall say where the files are now.
  private let hasMoved: Bool
  /// Nil where the relay's page is missing or broken: then the streams are not known.
  private let page: SpooledPage?
  private let pageProblem: String?
  private let usage: RecoveredUsage?
  /// What in the folder cannot be read.
  private var problems: [String] = []

  private var status: RelayStatus? { page?.status }

  init(
    _ folder: SpoolFolder, _ manifest: RunManifest, _ run: SpooledRun, _ credentials: [UInt8]?,
    hasMoved: Bool
  ) {
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

  mutating func deliver(jobs: Recovery.JobSource, limit: Double) throws(Errno) -> Result {
    let deadline = MonotonicInstant.now + limit
    let streams = (0..<2).map { stream($0) }
    let notes = Monitor<[String]>([])
    // Without the page nothing is known to be ours: everything goes beside what is there.
    let known: RelayStatus
    if let status { known = status } else { known = try RelayStatus() }
    let carrier = try ThreadCarrier(
      CarriedSources(
        streams: streams, usage: usage ?? WrittenUsage(disk: nil, memory: nil, isComplete: { true })),
      to: manifest.paths, label: manifest.runID, status: known, isSuccessor: true, credentials: credentials
    ) { notice in
      if let text = CarrierNotice(notice)?.textForRecovery { notes.update { $0.append(text) } }
    }
    for (index, stream) in streams.enumerated() {
      guard let stream, let status else { continue }
      let known = max(
        status.proven(stream: index), manifest.isDirect ? status.firstCarried(stream: index) ?? 0 : 0)
      carrier.adoptStream(index, proven: stream.position(of: known))
      carrier.carryStream(index)
    }
    if let usage, usage.readableLength > 0 { carrier.carryUsage() }
    if let info = finishedInfo(jobs) { carrier.replaceInfo(info) }
    let leftovers = carrier.finish(until: deadline)
    return Result(
      leftovers: leftovers.map { $0.failure ?? "\($0.path) could not be written" }
        + problems.map { "in \(folder.path), \($0)" },
      notes: notes.withLock { $0 })
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
    if page.isInLog(index, manifest) { return nil }
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

  /// What the relay has written into the log file itself, where it did: from that file or, if it had been
  /// removed while the run went on, from the copy in the folder.
  private mutating func beginning(_ index: Int) -> FileDescriptor? {
    guard manifest.isDirect else { return nil }
    do throws(PrivateFolder.Refusal) { return try folder.open(Name.head(index), .readOnly) } catch {
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.head(index)): \(error)") }
    }
    // Another may have that name by now: what that one has written is no output of this run.
    guard let file = try? openRegularFile(FilePath(escaped: manifest.paths.stream(index))) else { return nil }
    if let found = FileIdentity(of: file), status?.isNoted(found, as: .stream(index)) == true { return file }
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

  // MARK: info.json

  /// The last info.json that is known of the run, finished if its duct could not do so. Nil where the run
  /// has none.
  private mutating func finishedInfo(_ jobs: Recovery.JobSource) -> [UInt8]? {
    do throws(PrivateFolder.Refusal) {
      let bytes = try folder.read(Name.info, limit: Self.largestInfo)
      guard let info = info(from: bytes) else {
        throw .init(bytes.isEmpty ? "it is empty" : "it is no record of this run")
      }
      if info.runState == .finished, !hasMoved { return bytes }
      guard let line = finished(info, folder.path.appending(name: Name.info), jobs) else { return bytes }
      // So that Slurm need not be asked again, should this be broken off.
      try? folder.replace(Name.info, with: line)
      return line
    } catch {
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.info): \(error)") }
    }
    let wasKilled = status.map { $0.ending == .none } ?? true
    let published = FilePath(escaped: manifest.paths.info)
    do throws(Errno) {
      if let info = info(from: try readRegularFile(published, limit: Self.largestInfo)) {
        return info.runState == .finished && !hasMoved ? nil : finished(info, published, jobs)
      }
    } catch {
      // What is there may be better than all that is known here.
      if ![.noSuchFileOrDirectory, .notDirectory, .invalidArgument, .tooManySymbolicLinkLevels].contains(
        error)
      {
        if wasKilled || hasMoved {
          problems.append(
            "there is no \(Name.info), and \(published) cannot be read: \(error.description) (\(error.name))")
        }
        return nil
      }
    }
    return wasKilled ? begun() : nil
  }

  private func info(from bytes: [UInt8]) -> InfoDocument? {
    guard let value = try? JSONParser.parse(bytes), value["run_id"]?.string == manifest.runID,
      var info = try? RecordDecoder().decode(InfoDocument.self, from: value)
    else { return nil }
    info.executionSummary.sampleCount = max(info.executionSummary.sampleCount, 0)
    return info
  }

  private func finished(_ info: InfoDocument, _ path: FilePath, _ jobs: Recovery.JobSource) -> [UInt8]? {
    var info = info
    if info.runState != .finished { finish(&info, jobs(path)) }
    if hasMoved {
      info.outputPaths = manifest.paths
      info.executionSummary.logsPrefix = manifest.paths.prefix
    }
    return try? RecordEncoder().line(info)
  }

  /// Of a run that was killed before it had written anything.
  private func begun() -> [UInt8]? {
    var info = InfoDocument(
      command: manifest.command,
      executionSummary: ExecutionSummary(
        command: manifest.command, logsPrefix: manifest.paths.prefix, wallClockTime: 0, sampleCount: 0,
        reportCount: 0, startTime: manifest.startTime, workingDirectory: manifest.workingDirectory),
      outputPaths: manifest.paths, workingDirectory: manifest.workingDirectory, message: "",
      runState: .interrupted, runID: manifest.runID, ioEvents: [])
    addUsage(&info.executionSummary)
    addEnd(&info.executionSummary)
    return try? RecordEncoder().line(info)
  }

  private func finish(_ info: inout InfoDocument, _ jobs: [JobRecord]?) {
    info.runState = .interrupted
    if let jobs { info.slurm?.submittedJobs = jobs.redacted(Redaction(recorded: manifest.redact)) }
    for index in info.ioEvents.indices where info.ioEvents[index].outcome == .waiting {
      info.ioEvents[index].outcome = .delivered
    }
    addUsage(&info.executionSummary)
    addEnd(&info.executionSummary)
  }

  /// Where the relay has seen the command end.
  private func addEnd(_ summary: inout ExecutionSummary) {
    guard summary.endTime == nil, let end = status?.commandEnd else { return }
    summary.endTime = end
    summary.wallClockTime = max(end - summary.startTime, 0)
  }

  /// The last lines of usage.jsonl may be newer than info.json.
  private func addUsage(_ summary: inout ExecutionSummary) {
    var (lines, looks) = (0, 0)
    usage?.forEachLine { line in
      lines += 1
      guard let value = try? JSONParser.parse(line),
        let report = try? RecordDecoder().decode(UsageReport.self, from: value),
        (0...Self.mostLooks).contains(report.sampleCount), looks <= Self.mostLooks
      else { return }
      looks += report.sampleCount
      if lines > summary.reportCount { summary.add(report, upTo: looks) }
    }
    summary.reportCount = max(summary.reportCount, lines)
  }

  /// More than any run takes: sums of such numbers are numbers.
  private static let mostLooks = 1 << 40
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
