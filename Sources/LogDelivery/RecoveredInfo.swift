internal import DuctRecords
import Glibc
internal import OutputRelay
internal import RecordText
internal import ResilientIO
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// The info.json of a run that `recover` delivers: as duct has left it, or completed in duct's place.
struct RecoveredInfo {
  private typealias Name = RunSpool.FileName
  private static let largest = 256 << 20

  let folder: PrivateFolder
  let manifest: RunManifest
  /// Nil if the page cannot be read.
  let status: RelayStatus?
  let usage: RecoveredUsage?
  /// The log directory has moved, so info.json must name the new paths.
  let hasMoved: Bool
  /// What cannot be read, and why.
  private(set) var problems: [String] = []
  /// What the user should know, although nothing waits because of it.
  private(set) var notes: [String] = []

  init(
    folder: PrivateFolder, manifest: RunManifest, status: RelayStatus?, usage: RecoveredUsage?, hasMoved: Bool
  ) {
    self.folder = folder
    self.manifest = manifest
    self.status = status
    self.usage = usage
    self.hasMoved = hasMoved
  }

  /// The last info.json of the run, completed if its duct could not do so. Nil if the run has none, or if the
  /// one in the log directory stays as it is.
  mutating func finished(_ jobs: Recovery.JobLookup) -> [UInt8]? {
    do throws(PrivateFolder.Refusal) {
      let bytes = try folder.read(Name.info, limit: Self.largest)
      guard let info = info(from: bytes) else {
        throw .init(bytes.isEmpty ? "it is empty" : "it is no record of this run")
      }
      if isFinished(info), !hasMoved { return bytes }
      let line = finished(info, folder.path.appending(name: Name.info), jobs)
      // Then Slurm need not be asked again if this process is interrupted.
      try? folder.replace(Name.info, with: line)
      return line
    } catch {
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.info): \(error)") }
    }
    let wasKilled = status.map { $0.ending == .none } ?? true
    let inPlace = FilePath(escaped: manifest.paths.info)
    do throws(Errno) {
      if let info = info(from: try readRegularFile(inPlace, limit: Self.largest)) {
        return isFinished(info) && !hasMoved ? nil : finished(info, inPlace, jobs)
      }
    } catch {
      // The file may exist and contain more than is known here. Leave it alone.
      if !error.meansNoRegularFile {
        if wasKilled || hasMoved {
          problems.append(
            "there is no \(Name.info), and \(inPlace) cannot be read: \(error.description) (\(error.name))")
        }
        return nil
      }
    }
    if wasKilled { return begun(endReason) }
    // duct told that its records wait, and the disk of the spool had no room for them.
    guard problems.isEmpty, status?.ending == .told else { return nil }
    notes.append(
      "\(Name.info) is missing: the disk had no room for it. A record without what duct measured takes its place"
    )
    return begun(nil)
  }

  /// As values, and not as an `InfoDocument`: the duct that wrote it may be of another release, whose members stay.
  private func info(from bytes: [UInt8]) -> JSONValue? {
    guard let info = try? JSONParser.parse(bytes), info["run_id"]?.string == manifest.runID else {
      return nil
    }
    return info
  }

  private func isFinished(_ info: JSONValue) -> Bool {
    info["run_state"]?.string == RunState.finished.rawValue
  }

  private mutating func finished(_ info: JSONValue, _ path: FilePath, _ jobs: Recovery.JobLookup) -> [UInt8] {
    var info = info
    if !isFinished(info) { finish(&info, jobs(path)) }
    if hasMoved {
      info["output_paths"] = manifest.paths.jsonValue
      info["execution_summary"]?["logs_prefix"] = .string(manifest.paths.prefix)
    }
    return JSONWriter.bytes(of: info) + [UInt8(ascii: "\n")]
  }

  /// A record for a run whose duct has left none.
  ///
  /// - Parameter endReason: why duct could not finish it; nil if it did, and its record is lost.
  private func begun(_ endReason: EndReason?) -> [UInt8]? {
    var info = InfoDocument(
      command: manifest.command,
      executionSummary: ExecutionSummary(
        command: manifest.command, logsPrefix: manifest.paths.prefix, wallClockTime: 0, sampleCount: 0,
        reportCount: 0, startTime: manifest.startTime, workingDirectory: manifest.workingDirectory),
      outputPaths: manifest.paths, workingDirectory: manifest.workingDirectory, message: "",
      runState: runState, runID: manifest.runID, ioEvents: [])
    info.endReason = endReason
    addUsage(&info.executionSummary)
    addEnd(&info.executionSummary)
    return info.jsonLine
  }

  private mutating func finish(_ info: inout JSONValue, _ jobs: [JobRecord]?) {
    info["run_state"] = .string(runState.rawValue)
    // duct may have been killed after it had recorded why the command ended.
    if info["end_reason"]?.string == nil { info["end_reason"] = .string(endReason.rawValue) }
    if let stepEnd, let tasks = info["tasks"]?.array {
      info["tasks"] = .array(tasks.map { Self.ended($0, at: stepEnd) })
    }
    if let jobs, info["slurm"]?["submitted_jobs"] != nil {
      info["slurm"]?["submitted_jobs"] = .array(jobs.redacted(manifest.redaction).map(\.jsonValue))
    }
    if let events = info["io_events"]?.array { info["io_events"] = .array(events.map(Self.delivered)) }
    do throws(Problem) {
      var summary = try ExecutionSummary(info["execution_summary"] ?? .null)
      let before = summary.jsonValue
      summary.sampleCount = max(summary.sampleCount, 0)
      addUsage(&summary)
      addEnd(&summary)
      // What is as it was stays: another release may have recorded a value that this one does not know.
      info["execution_summary"]?.overlay(summary.jsonValue, whereDifferentFrom: before)
    } catch {
      // The next `recover` could not add it either.
      notes.append("\(Name.info): what the command used at its end cannot be added: \(error)")
    }
  }

  /// When the last task of a step ended, in seconds since 1970. Nil unless the watch of the step saw it and left the rest
  /// to this process.
  private var stepEnd: Double? { manifest.isOfStep == true ? status?.commandEnd : nil }

  private var runState: RunState { stepEnd == nil ? .interrupted : .finished }

  /// A task of a record, with its end.
  private static func ended(_ task: JSONValue, at time: Double) -> JSONValue {
    var task = task
    if task["task_end_time"]?.double == nil { task["task_end_time"] = .number(time) }
    return task
  }

  /// Why duct could not finish the record. The name of the host tells whether the boot is of the same one.
  private var endReason: EndReason {
    if stepEnd != nil { return .ended }
    guard let boot = manifest.bootID, let present = HostConstants.bootID, manifest.host == hostName() else {
      return .killed
    }
    return boot == present ? .killed : .hostRebooted
  }

  /// An event as it is when everything has been delivered.
  private static func delivered(_ event: JSONValue) -> JSONValue {
    var event = event
    if event["outcome"]?.string == IOEvent.Outcome.waiting.rawValue {
      event["outcome"] = .string(IOEvent.Outcome.delivered.rawValue)
    }
    return event
  }

  /// Adds the end of the command, if the relay saw it.
  private func addEnd(_ summary: inout ExecutionSummary) {
    guard summary.endTime == nil, let end = status?.commandEnd else { return }
    summary.endTime = end
    summary.wallClockTime = max(end - summary.startTime, 0)
  }

  /// Adds the last lines of usage.jsonl, which may be newer than info.json.
  private func addUsage(_ summary: inout ExecutionSummary) {
    var (lines, samples) = (0, 0)
    var firstPercent: Double?
    let knownPeak = summary.peakPcpu
    usage?.forEachLine { line in
      lines += 1
      guard var report = try? Report(json: line), (0...Self.mostSamples).contains(report.sampleCount),
        samples <= Self.mostSamples
      else { return }
      samples += report.sampleCount
      // The first sample comes so soon after the start that its CPU use is no peak (`PeakIntervals`).
      if lines == 1 {
        firstPercent = report.totals.pcpu
        report.totals.pcpu = 0
      }
      if lines > summary.reportCount { summary.add(report.totals, report.averages, upToSample: samples) }
    }
    if lines == 1 { summary.peakPcpu = knownPeak ?? firstPercent }
    summary.reportCount = max(summary.reportCount, lines)
  }

  /// What the summary needs of a line of usage.jsonl.
  private struct Report: Record {
    private(set) var sampleCount = 0
    var totals = UsageTotals()
    private(set) var averages = UsageAverages()

    mutating func list(_ members: inout RecordMembers) {
      members("num_samples", &sampleCount)
      members("totals", &totals)
      members("averages", &averages)
    }
  }

  /// More samples than any run takes. With this limit, sums of such numbers do not overflow.
  private static let mostSamples = 1 << 40
}
