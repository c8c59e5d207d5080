import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// One run that is brought home from its folder in the spool.
struct RecoveredRun {
  private let folder: SpoolFolder
  private let manifest: RunManifest
  private let credentials: [UInt8]?
  /// The log directory has moved: info.json shall say where the files are now.
  private let hasMoved: Bool
  /// Nil where the relay's page is missing or broken: then the streams are not known.
  private let status: RelayStatus?

  init(_ folder: SpoolFolder, _ manifest: RunManifest, _ credentials: [UInt8]?, hasMoved: Bool) {
    self.hasMoved = hasMoved
    self.folder = folder
    self.manifest = manifest
    self.credentials = credentials
    let page = try? FileDescriptor.opening(folder.file(RunSpool.FileName.status), .readWrite)
    status = page.flatMap { try? RelayStatus(left: $0) }
  }

  func deliver(jobs: Recovery.JobSource, limit: Double) throws(Errno) -> [Publisher.Leftover] {
    let deadline = MonotonicInstant.now + limit
    let streams = (0..<2).map(stream)
    cutUnfinishedLine()
    let usage = WrittenUsage(
      disk: open(RunSpool.FileName.usage), memory: nil, isComplete: true)
    // Without the page nothing is known to be ours: everything goes beside what is there.
    let page: RelayStatus
    if let status { page = status } else { page = try RelayStatus() }
    let carrier = try ThreadCarrier(
      CarriedSources(streams: streams, usage: usage), to: manifest.paths, label: manifest.runID,
      status: page, isSuccessor: true, credentials: credentials, notify: { _ in })
    for (index, stream) in streams.enumerated() {
      guard let stream, let status else { continue }
      let known = max(
        status.proven(stream: index), manifest.isDirect ? status.firstCarried(stream: index) ?? 0 : 0)
      carrier.adoptStream(index, proven: stream.position(of: known))
      carrier.carryStream(index)
    }
    if usage.readableLength > 0 { carrier.carryUsage() }
    if let info = finishedInfo(jobs) { carrier.replaceInfo(info) }
    return carrier.finish(until: deadline)
  }

  /// A duct that is killed can leave a part of a line in usage.jsonl, which is no line.
  private func cutUnfinishedLine() {
    let path = folder.file(RunSpool.FileName.usage)
    guard let bytes = usageBytes, !bytes.isEmpty, bytes.last != UInt8(ascii: "\n") else { return }
    let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    // If it cannot be cut it is delivered as it is: nothing else is known to be wrong with it.
    _ = truncate(path.string, end)
  }

  private var usageBytes: [UInt8]? { try? readAll(folder.file(RunSpool.FileName.usage), limit: 1 << 30) }

  private func open(_ name: String) -> FileDescriptor? {
    try? FileDescriptor.opening(folder.file(name), .readOnly)
  }

  /// A stream with something to carry. Nil where all of it is in its log file already.
  private func stream(_ index: Int) -> RenderedOutput? {
    guard manifest.captured[index], let status else { return nil }
    if manifest.isDirect, !status.hasLeftLog(stream: index) { return nil }
    let file = open(RunSpool.FileName.stream(index))
    // Nobody writes any more: what the relay could not note before it was killed counts too.
    status.noteAbandoned(
      stream: index, sizes: [nil, file.flatMap { FileIdentity(of: $0)?.size }, nil])
    let head = open(RunSpool.FileName.head(index))
    let log =
      !manifest.isDirect
      ? nil
      : head
        ?? (try? FileDescriptor.opening(FilePath(escaped: manifest.paths.stream(index)), .readOnly))
    return RenderedOutput(
      stream: index, stores: OutputStores(log: log, spool: file, memory: nil), status: status, wake: {})
  }

  // MARK: info.json

  /// The last info.json that is known of the run, finished if its duct could not do so. Nil where the run
  /// has none.
  private func finishedInfo(_ jobs: Recovery.JobSource) -> [UInt8]? {
    let own = folder.file(RunSpool.FileName.info)
    let published = FilePath(escaped: manifest.paths.info)
    for path in [own, published] {
      guard let bytes = try? readAll(path, limit: 1 << 28), let value = try? JSONParser.parse(bytes),
        value["run_id"]?.string == manifest.runID,
        var info = try? RecordDecoder().decode(InfoDocument.self, from: value)
      else { continue }
      if info.runState == .finished, !hasMoved { return path == own ? bytes : nil }
      if info.runState != .finished { finish(&info, jobs(path)) }
      if hasMoved {
        info.outputPaths = manifest.paths
        info.executionSummary.logsPrefix = manifest.paths.prefix
      }
      guard let line = try? RecordEncoder().line(info) else { return bytes }
      _ = try? AtomicFile.replace(own, with: line, durability: .process)
      return line
    }
    return begun(jobs)
  }

  /// Of a run that was killed before it had written anything.
  private func begun(_ jobs: Recovery.JobSource) -> [UInt8]? {
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
    let lines = usageBytes?.split(separator: UInt8(ascii: "\n")) ?? []
    var looks = 0
    for (index, line) in lines.enumerated() {
      guard let value = try? JSONParser.parse(Array(line)),
        let report = try? RecordDecoder().decode(UsageReport.self, from: value)
      else { continue }
      looks += report.sampleCount
      if index >= summary.reportCount { summary.add(report, upTo: looks) }
    }
    summary.reportCount = max(summary.reportCount, lines.count)
  }
}

extension ExecutionSummary {
  /// - Parameter looks: how many there had been by the end of the report. Some of its looks may be counted
  ///   already.
  fileprivate mutating func add(_ report: UsageReport, upTo looks: Int) {
    let totals = report.totals
    // Zombies have no memory to tell of.
    if totals.rss > 0 {
      peakRSS = larger(peakRSS, totals.rss)
      peakVSZ = larger(peakVSZ, totals.vsz)
      peakPmem = larger(peakPmem, totals.pmem)
    }
    peakPcpu = larger(peakPcpu, totals.pcpu)
    peakPSS = larger(peakPSS, totals.pss)
    peakSwap = larger(peakSwap, totals.swap)
    peakPmemLimit = larger(peakPmemLimit, totals.limitPercent)
    let new = looks - sampleCount
    guard new > 0 else { return }
    sampleCount = looks
    // Of the looks that are new nothing is known but the mean of their report.
    let weight = Double(new) / Double(looks)
    func mean(_ before: Double?, _ value: Double?) -> Double? {
      guard let before, let value else { return before ?? value }
      return before + (value - before) * weight
    }
    averageRSS = mean(averageRSS, report.averages.rss)
    averageVSZ = mean(averageVSZ, report.averages.vsz)
    averagePmem = mean(averagePmem, report.averages.pmem)
    averagePcpu = mean(averagePcpu, report.averages.pcpu)
  }
}
