internal import DuctRecords
import Glibc
internal import OutputRelay
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Delivers one run from its run folder.
struct RecoveredRun {
  /// The outcome, for the user.
  struct Result: Sendable {
    /// What could not be delivered or read. The folder stays.
    var leftovers: [String] = []
    /// What was delivered, but not as the user would expect.
    var notes: [String] = []
  }

  private typealias Name = RunSpool.FileName

  private let folder: PrivateFolder
  private let manifest: RunManifest
  private let credentials: [UInt8]?
  /// Where the records were before, if they are delivered elsewhere. Then info.json must name the new paths.
  private let former: FormerRecords?
  /// Nil if the page is missing or damaged. Then it is not known which bytes of the streams wait.
  private let page: SpooledPage?
  private let pageProblem: String?
  /// Why a delivery elsewhere that has to be repeated will not know the files of this one.
  private let elsewhereProblem: PrivateFolder.Refusal?
  private let usage: RecoveredUsage?
  /// Log files that the relay wrote, and whose descriptors this process has inherited.
  private let logs: [FileDescriptor?]
  /// What `logElsewhere` has found.
  private var logsElsewhere: [FileDescriptor??] = [nil, nil]
  /// Why a log file cannot be read where it was delivered before.
  private var formerProblems: [String?] = [nil, nil]
  /// What cannot be read, and why.
  private var problems: [String] = []
  /// What is missing from the delivered files.
  private var notes: [String] = []

  private var status: RelayStatus? { page?.status }

  /// - Throws: why the page of a delivery elsewhere cannot be made.
  init(
    _ folder: SpoolFolder, _ manifest: RunManifest, _ run: SpooledRun, _ credentials: [UInt8]?,
    _ logs: [FileDescriptor?], former: LogPaths?
  ) throws(Errno) {
    self.logs = logs
    self.former = former.map { FormerRecords(paths: $0, status: run.page?.status, runID: manifest.runID) }
    self.folder = folder.contents
    self.manifest = manifest
    self.credentials = credentials
    let elsewhere = former == nil ? nil : try run.page?.elsewhere(manifest.paths.prefix)
    page = elsewhere?.page ?? run.page
    elsewhereProblem = elsewhere?.problem
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
    let olds = (0..<2).map { manifest.isDirect || streams[$0] == nil ? nil : formerLog($0) }
    let notices = Monitor(notes)
    // Without the page, no file is known to be ours, so everything goes into new files beside the existing
    // ones.
    let known: RelayStatus
    if let status { known = status } else { known = try RelayStatus() }
    let carrier = try ThreadCarrier(
      DeliverySources(
        streams: streams, usage: usage ?? WrittenUsage(disk: nil, memory: nil, isComplete: { true })),
      to: manifest.paths, runID: manifest.runID, status: known, isSuccessor: true, credentials: credentials
    ) { [former, problem = formerProblems.compactMap { $0 }.first] notice in
      if let text = CarrierNotice(notice)?.textForRecovery(former, problem) {
        notices.update { $0.append(text) }
      }
    }
    for (index, stream) in streams.enumerated() {
      guard let stream, let status else { continue }
      let known = max(
        status.proven(stream: index), manifest.isDirect ? status.deliveryStart(stream: index) ?? 0 : 0,
        former?.status?.proven(stream: index) ?? 0)
      carrier.adoptStream(index, proven: stream.position(of: known), old: olds[index])
      carrier.deliverStream(index)
    }
    // Also without a line, since info.json names the file, and another run's may have its name.
    if usage != nil { carrier.deliverUsage() }
    var info = RecoveredInfo(
      folder: folder, manifest: manifest, status: status, usage: usage, hasMoved: former != nil)
    if let bytes = info.finished(jobs) { carrier.replaceInfo(bytes) }
    let leftovers = carrier.finish(until: deadline)
    if !leftovers.isEmpty, let elsewhereProblem {
      notices.update { $0.append(Self.unnoted(manifest.paths.prefix, in: folder, elsewhereProblem)) }
    }
    return Result(
      leftovers: leftovers.map { $0.failure ?? "\($0.path) could not be written" }
        + (problems + info.problems).map { "in \(folder.path), \($0)" },
      notes: notices.withLock { $0 } + info.notes.map { "in \(folder.path), \($0)" })
  }

  private static func unnoted(
    _ prefix: String, in folder: PrivateFolder, _ problem: PrivateFolder.Refusal
  ) -> String {
    "\(folder.path) has no room to note the files at \(prefix)…: \(problem). When you repeat this, it makes new ones beside them"
  }

  // MARK: The streams

  /// A stream that has data to deliver. Nil if all of it is in its log file already, or if it cannot be read.
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
    // If someone has removed the log file, only the inherited descriptor can still read it. If it is to be delivered
    // elsewhere, only its former place has it. The carrier then creates the log file again.
    if page.isInLog(index, manifest), logElsewhere(index) != nil {
      page.status.leaveLogAfterEnd(for: OutputStores.Kind.spool.rawValue, stream: index)
    }
    if page.isInLog(index, manifest) {
      noteAbsentLog(index)
      return nil
    }
    let waiting = page.bytesWaiting(stream: index, manifest)
    let file: FileDescriptor
    do throws(PrivateFolder.Refusal) { file = try folder.open(name, .readOnly) } catch {
      // The spool file is missing, but no byte of it was waiting: the log directory has all that exists.
      if waiting == 0 { return nil }
      problems.append("\(name), with \(waiting) bytes for \(manifest.paths.stream(index)): \(error)")
      return nil
    }
    // No process writes the stream any more. Count also what the relay wrote and could not record before it was
    // killed.
    page.status.noteAbandoned(stream: index, sizes: [nil, folder.size(of: name), nil])
    noteLostMemory(index, page.status)
    guard page.status.isInOrder(stream: index) else {
      problems.append(
        "\(Name.status): what it says of \(name) cannot be true: more was delivered than printed")
      return nil
    }
    let stores = OutputStores(log: beginning(index), spool: file, memory: nil)
    return RenderedOutput(stream: index, stores: stores, status: page.status, kept: keptBytes, wake: {})
  }

  private mutating func noteLostMemory(_ index: Int, _ status: RelayStatus) {
    let lost = status.bytesLostWithMemory(stream: index)
    if lost == 0 { return }
    notes.append(
      "\(lost) bytes of \(manifest.paths.stream(index)) are missing: the disk had no room for them, and the memory that had them is gone"
    )
  }

  /// Until all of the output is elsewhere, the user may choose another directory, which needs all of it.
  private var keptBytes: Int { former == nil ? RenderedOutput.keptBytes : .max }

  /// Reports that the log file of a stream is missing or replaced, if all of the stream was in it. How much
  /// that was is not known without the file.
  private mutating func noteAbsentLog(_ index: Int) {
    // Without a note, the run was killed before it had a log file.
    if status?.notes(of: .stream(index)).isEmpty == true { return }
    if let former {
      if let problem = formerProblems[index] {
        notes.append("\(former.paths.stream(index)) is not taken along: \(problem)")
      }
      return
    }
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

  /// The log file that the relay has written, if it is not under its name in the log directory.
  private mutating func logElsewhere(_ index: Int) -> FileDescriptor? {
    if let known = logsElsewhere[index] { return known }
    let found = findLogElsewhere(index)
    logsElsewhere[index] = .some(found)
    return found
  }

  private mutating func findLogElsewhere(_ index: Int) -> FileDescriptor? {
    if let log = logs[index], LogDirectory.isRemoved(log) { return log }
    if former == nil { return nil }
    let path = FilePath(escaped: manifest.paths.stream(index))
    // If the directory has moved, it is there. What else has the name is another's, or a copy.
    let found = try? FileIdentity.asked(at: path, followingLinks: false)
    let isThere = found.map { former?.status?.isNoted($0, as: .stream(index)) ?? false } ?? false
    return isThere ? nil : formerLog(index)
  }

  /// The log file where it was delivered before.
  private mutating func formerLog(_ index: Int) -> FileDescriptor? {
    do throws(Errno) { return try former?.open(index) } catch {
      formerProblems[index] = "\(error.description) (\(error.name))"
      return nil
    }
  }

  private func isNoted(_ found: FileIdentity, _ index: Int) -> Bool {
    status?.isNoted(found, as: .stream(index)) ?? false
  }

  /// The file that holds the beginning of a stream, which the relay has written into the log file itself. If
  /// the log file was removed during the run, the inherited descriptor or the copy in the run folder takes its
  /// place.
  private mutating func beginning(_ index: Int) -> FileDescriptor? {
    guard manifest.isDirect else { return nil }
    if let log = logElsewhere(index) { return log }
    do throws(PrivateFolder.Refusal) { return try folder.open(Name.head(index), .readOnly) } catch {
      if error.errno != .noSuchFileOrDirectory { problems.append("\(Name.head(index)): \(error)") }
    }
    // A file that cannot be opened or is not ours counts as missing. The carrier reports that.
    guard let file = try? openRegularFile(FilePath(escaped: manifest.paths.stream(index))) else { return nil }
    // A moved directory may be a copy, whose files have other identities.
    if former != nil || FileIdentity(of: file).map({ isNoted($0, index) }) ?? false { return file }
    file.closeQuietly()
    return nil
  }

  /// Reports that the page of a stream is lost, so that the place of the spooled bytes in the log file is not
  /// known.
  private mutating func note(lostPageOf index: Int) {
    let name = Name.stream(index)
    guard let size = folder.size(of: name), size > 0 else { return }
    problems.append(
      "\(name) holds up to \(size) bytes for \(manifest.paths.stream(index)), and which of them is not known: \(pageProblem ?? Name.status)"
    )
  }
}

/// The log files of a run at the place where they were delivered before `recover --to`.
private struct FormerRecords: Sendable {
  /// Seconds that a file system may take to open one.
  private static let patience = 5.0

  let paths: LogPaths
  /// Nil if the page cannot be read. Then no file there is known to be the run's.
  let status: RelayStatus?
  let runID: String

  /// Opens the log file of a stream for reading. Nil if it is not there any more or is not the run's.
  ///
  /// - Throws: why it cannot be opened; ETIMEDOUT if the file system does not answer in time.
  func open(_ index: Int) throws(Errno) -> FileDescriptor? {
    let opening = Monitor<Result<FileDescriptor?, Errno>?>(nil)
    _ = try OwnThread("duct former") { [self] in
      let result = Result { () throws(Errno) in try openNow(index) }
      opening.update { $0 = result }
    }
    guard let result = opening.wait(until: .now + Self.patience, for: { $0 }) else { throw .timedOut }
    return try result.get()
  }

  private func openNow(_ index: Int) throws(Errno) -> FileDescriptor? {
    let path = FilePath(escaped: paths.stream(index))
    for note in status?.notes(of: .stream(index)) ?? [] {
      let place =
        note.name == 0
        ? path : path.parent.appending(bytes: nameBeside(path.nameBytes, runID: runID, number: note.name))
      do throws(Errno) {
        let file = try openRegularFile(place)
        if FileIdentity(of: file)?.isFile(noted: note.identity) == true { return file }
        file.closeQuietly()
      } catch {
        if !error.meansNoRegularFile { throw error }
      }
    }
    return nil
  }
}

extension CarrierNotice {
  /// What to report about a delivered file to the user of `con-duct recover`. Nil if there is nothing to
  /// report.
  ///
  /// - Parameters:
  ///   - former: where the records were delivered before.
  ///   - problem: why they cannot be read there.
  fileprivate func textForRecovery(_ former: FormerRecords?, _ problem: String?) -> String? {
    switch self {
    case .displaced(let path, let place): "\(path) is another's: the file of this run is \(place)"
    case .restored(let path, let missing) where missing > 0:
      former.map {
        "\(missing) bytes of \(path) are missing: they had been delivered to \($0.paths.prefix)…, and cannot be read there\(problem.map { ": " + $0 } ?? "")"
      }
        ?? "\(missing) bytes of \(path) are missing: it was removed or shortened, and they were kept nowhere else"
    case .lost(let path, let bytes):
      "\(bytes) bytes of \(path) are missing: they could not be read back from the spool"
    case .began, .ended, .restored: nil
    }
  }
}
