internal import Logging
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Writes the records to local disk, on a thread of its own, and has them carried to the log directory.
final class RecordWriter: Sendable {
  private struct State: Sendable {
    var lines: [[UInt8]] = []
    var info: (@Sendable () -> [UInt8])?
    /// When to begin with it.
    var infoStart: MonotonicInstant?
    var isFinishing = false
    var isDone = false
  }

  private let folder: SpoolFolder?
  private let journal: UsageJournal
  private let carrier: any LogCarrier
  private let log: Logger
  private let state = Monitor(State())

  /// - Parameter first: what the thread begins with.
  init(
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
  func append(_ line: [UInt8]) { state.update { $0.lines.append(line) } }

  /// info.json anew, made when its turn comes: one that still waits is dropped.
  ///
  /// - Parameter start: when to begin, if not at once; in any case when everything is finished.
  func publishInfo(after start: MonotonicInstant?, _ content: @escaping @Sendable () -> [UInt8]) {
    state.update {
      $0.info = content
      $0.infoStart = start
    }
  }

  /// Writes what waits and ends the thread. False if that takes longer than until the deadline.
  func finish(until deadline: MonotonicInstant) -> Bool {
    state.update { $0.isFinishing = true }
    return state.wait(until: deadline) { $0.isDone ? true : nil } ?? false
  }

  private func run() {
    enum Step { case lines([[UInt8]]), info(@Sendable () -> [UInt8]), rearm, stop }
    while true {
      let start = state.withLock { $0.infoStart }
      let step = state.wait(until: start) { state -> Step? in
        if !state.lines.isEmpty {
          defer { state.lines = [] }
          return .lines(state.lines)
        }
        if let info = state.info, state.isFinishing || (state.infoStart ?? .now) <= .now {
          (state.info, state.infoStart) = (nil, nil)
          return .info(info)
        }
        if state.isFinishing {
          state.isDone = true
          return .stop
        }
        return state.infoStart == start ? nil : .rearm
      }
      switch step {
      case .rearm?, nil: continue
      case .stop?:
        journal.noteEnd()
        return
      case .lines(let lines)?: write(lines)
      case .info(let content)?:
        let bytes = content()
        keep(bytes)
        carrier.replaceInfo(bytes)
      }
    }
  }

  private func write(_ lines: [[UInt8]]) {
    for line in lines {
      do throws(Errno) { try journal.append(line) } catch {
        log.error("A line of usage.jsonl is lost: neither disk nor memory takes it (\(error.name))")
      }
    }
    carrier.carryUsage()
  }

  /// The spool's copy. Where even that fails the log directory may still take it.
  private func keep(_ bytes: [UInt8]) {
    guard let folder else { return }
    try? folder.contents.replace(RunSpool.FileName.info, with: bytes)
  }
}
