import Glibc
public import Logging
public import ResilientIO
public import SystemCalls
public import SystemPackage

/// Writes the records to local disk, on a thread of its own, and has them carried to the log directory.
public final class RecordWriter: Sendable {
  private struct State: Sendable {
    var lines: [[UInt8]] = []
    var info: (@Sendable () -> [UInt8])?
    /// When to begin with it, or with the next one; nil while none was asked for yet.
    var infoStart: MonotonicInstant?
    /// It was asked for, and not only by the schedule.
    var isInfoWanted = false
    var isFinishing = false
    /// Nothing is written any more.
    var isDiscarded = false
    var isDone = false
  }

  private let folder: SpoolFolder?
  private let journal: UsageJournal
  private let carrier: any LogCarrier
  private let log: Logger
  private let state = Monitor(State())
  private let start = MonotonicInstant.now

  /// - Parameter first: what the thread begins with.
  public init(
    _ folder: SpoolFolder?, journal: UsageJournal, carrier: any LogCarrier, log: Logger,
    first: @escaping @Sendable () -> Void
  ) throws(Errno) {
    self.folder = folder
    self.journal = journal
    self.carrier = carrier
    self.log = log
    _ = try OwnThread("duct records", stackSize: 1 << 20) { [self] in
      first()
      run()
    }
  }

  /// A line for usage.jsonl.
  public func append(_ line: [UInt8]) { state.update { $0.lines.append(line) } }

  /// info.json anew, made when its turn comes: one that still waits is dropped. From then on it is made and
  /// written again by the `InfoSchedule`, without being asked for.
  ///
  /// - Parameter start: when to begin, if not at once; in any case when everything is finished.
  public func writeInfo(after start: MonotonicInstant?, _ content: @escaping @Sendable () -> [UInt8]) {
    state.update {
      $0.info = content
      $0.infoStart = start ?? .now
      $0.isInfoWanted = true
    }
  }

  /// Writes what waits and ends the thread. False if that takes longer than until the deadline.
  public func finish(until deadline: MonotonicInstant) -> Bool {
    state.update { $0.isFinishing = true }
    return state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  /// Drops what waits and ends the thread: when this returns true, nothing is written any more.
  public func discard(until deadline: MonotonicInstant) -> Bool {
    state.update { $0.isDiscarded = true }
    return state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  private func run() {
    enum Step { case lines([[UInt8]]), info(@Sendable () -> [UInt8]), rearm, stop }
    while true {
      let start = state.withLock { $0.infoStart }
      let step = state.wait(until: start) { state -> Step? in
        if state.isDiscarded { return .stop }
        if !state.lines.isEmpty {
          defer { state.lines = [] }
          return .lines(state.lines)
        }
        let isDue = state.isFinishing ? state.isInfoWanted : (state.infoStart.map { $0 <= .now } ?? false)
        if let info = state.info, isDue {
          (state.infoStart, state.isInfoWanted) = (nil, false)
          return .info(info)
        }
        if state.isFinishing { return .stop }
        return state.infoStart == start ? nil : .rearm
      }
      switch step {
      case .rearm?, nil: continue
      case .stop?:
        journal.noteEnd()
        state.update { $0.isDone = true }
        return
      case .lines(let lines)?: write(lines)
      case .info(let content)?: write(content)
      }
    }
  }

  private func write(_ content: () -> [UInt8]) {
    let before = Self.processorTime
    let bytes = content()
    keep(bytes)
    if state.withLock({ $0.isDiscarded }) { return }
    carrier.replaceInfo(bytes)
    let end = MonotonicInstant.now
    let pause = InfoSchedule.pause(
      age: end.seconds(since: start), cost: Self.processorTime - before, bytes: bytes.count)
    // One that was asked for meanwhile comes first.
    state.withLock { if $0.infoStart == nil { $0.infoStart = end + pause } }
  }

  /// Seconds that this thread has used. By the clock it would count too that duct was stopped, or that others
  /// had the processors, and one such moment would put the next record off for long.
  private static var processorTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private func write(_ lines: [[UInt8]]) {
    for line in lines {
      do throws(Errno) { try journal.append(line) } catch {
        log.error("A line of usage.jsonl is lost: neither disk nor memory takes it (\(error.name))")
      }
    }
    carrier.deliverUsage()
  }

  /// The spool's copy. Where even that fails the log directory may still take it.
  private func keep(_ bytes: [UInt8]) {
    guard let folder else { return }
    try? folder.contents.replace(RunSpool.FileName.info, with: bytes)
  }
}
