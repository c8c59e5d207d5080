import Glibc
public import Logging
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// Writes the records to local disk on a thread of its own, and makes the carrier deliver them.
public final class RecordWriter: Sendable {
  private struct State: Sendable {
    var lines: [[UInt8]] = []
    var info: (@Sendable () -> [UInt8])?
    var schedule: InfoSchedule
    /// A caller has requested info.json, not only the schedule.
    var isInfoWanted = false
    var isFinishing = false
    /// Nothing more is written.
    var isDiscarded = false
    var isDone = false
  }

  private let folder: SpoolFolder?
  private let journal: UsageJournal
  private let carrier: any LogCarrier
  private let log: Logger
  private let state = Monitor(State(schedule: InfoSchedule(start: .now)))
  private let extra: @Sendable () -> Void
  private let hasDoneExtra = Monitor(false)

  /// - Parameter extra: called once on the new thread: after the first info.json or, if the run ends before that, after
  ///   the last record. Only a record that is requested while it runs waits for it.
  public init(
    _ folder: SpoolFolder?, journal: UsageJournal, carrier: any LogCarrier, log: Logger,
    extra: @escaping @Sendable () -> Void
  ) throws(Errno) {
    self.folder = folder
    self.journal = journal
    self.carrier = carrier
    self.log = log
    self.extra = extra
    _ = try OwnThread("duct records", stackSize: 1 << 20) { [self] in
      run()
      doExtra()
    }
  }

  /// Adds a line to usage.jsonl.
  public func append(_ line: [UInt8]) { state.update { $0.lines.append(line) } }

  /// Requests a new info.json. Drops an earlier request that still waits. `InfoSchedule` decides when it is written: a
  /// small one immediately, and a large one when duct can afford it. `finish` does not wait for that.
  ///
  /// - Parameters:
  ///   - start: when to begin at the earliest; nil: immediately.
  ///   - content: called on the writer's thread, right before the record is written.
  public func writeInfo(after start: MonotonicInstant?, _ content: @escaping @Sendable () -> [UInt8]) {
    state.update {
      $0.info = content
      $0.schedule.noteRequest(at: .now, notBefore: start)
      $0.isInfoWanted = true
    }
  }

  /// Writes what waits, and ends the thread. False if this is not done by the deadline.
  public func finish(until deadline: MonotonicInstant) -> Bool {
    state.update { $0.isFinishing = true }
    return state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  /// Drops what waits, and ends the thread. If this returns true, nothing more is written.
  public func discard(until deadline: MonotonicInstant) -> Bool {
    state.update { $0.isDiscarded = true }
    return state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  private func run() {
    enum Step { case lines([[UInt8]]), info(@Sendable () -> [UInt8]), rearm, stop }
    while true {
      let start = state.withLock { $0.schedule.next }
      let step = state.wait(until: start) { state -> Step? in
        if state.isDiscarded { return .stop }
        if !state.lines.isEmpty {
          defer { state.lines = [] }
          return .lines(state.lines)
        }
        let isDue = state.isFinishing ? state.isInfoWanted : (state.schedule.next.map { $0 <= .now } ?? false)
        if let info = state.info, isDue {
          state.schedule.noteStart()
          state.isInfoWanted = false
          return .info(info)
        }
        if state.isFinishing { return .stop }
        return state.schedule.next == start ? nil : .rearm
      }
      switch step {
      case .rearm?, nil: continue
      case .stop?:
        journal.noteEnd()
        state.update { $0.isDone = true }
        return
      case .lines(let lines)?: write(lines)
      case .info(let content)?:
        write(content)
        if !state.withLock({ $0.isFinishing || $0.isDiscarded }) { doExtra() }
      }
    }
  }

  private func doExtra() {
    if hasDoneExtra.withLock({ $0 }) { return }
    extra()
    hasDoneExtra.update { $0 = true }
  }

  /// Waits until `extra` was called and has returned. Call it after `finish` or `discard`.
  public func waitForExtra(until deadline: MonotonicInstant) {
    _ = hasDoneExtra.wait(until: deadline) { $0 ? true : nil }
  }

  private func write(_ content: () -> [UInt8]) {
    // Not elapsed time: that would include time in which duct was stopped or others had the processors, and one such
    // moment would delay the next record for long.
    let before = threadProcessorTime()
    let bytes = content()
    keep(bytes)
    if state.withLock({ $0.isDiscarded }) { return }
    carrier.replaceInfo(bytes)
    let cost = threadProcessorTime() - before
    state.withLock { $0.schedule.noteEnd(at: .now, cost: cost, bytes: bytes.count) }
  }

  private func write(_ lines: [[UInt8]]) {
    for line in lines {
      do throws(Errno) { try journal.append(line) } catch {
        log.error("A line of usage.jsonl is lost: neither disk nor memory takes it (\(error.name))")
      }
    }
    carrier.deliverUsage()
  }

  /// Writes the copy in the spool. If that fails, the log directory may still take the record.
  private func keep(_ bytes: [UInt8]) {
    guard let folder else { return }
    try? folder.contents.replace(RunSpool.FileName.info, with: bytes)
  }
}
