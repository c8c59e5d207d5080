import Glibc
internal import RecordText
internal import SlurmJobs
public import SystemCalls
public import SystemPackage

/// `con-duct jobs --watch`: shows jobs until all have ended.
///
/// A thread of its own asks Slurm and reads records, so keys and the size of the terminal are served while it waits.
public struct JobWatch {
  public enum End: Sendable, Equatable {
    /// True: all ended well.
    case ofJobs(isWell: Bool)
    case signal(CInt)
  }

  /// What came first: the jobs to watch, or a signal.
  public enum Beginning: Sendable {
    case found(JobPolls)
    case signal(CInt)
  }

  /// Seconds between two requests to slurmctld, at least.
  private static let interval = 15.0
  /// Seconds between two requests, at most.
  private static let longestInterval = 60.0
  /// The share of the time that the processor time of requests may take: many jobs are asked for less often.
  private static let share = 0.01
  /// Seconds between two looks at what the asking thread has found.
  private static let look = 0.5
  /// The same, before the first answer.
  private static let firstLook = 0.02
  private static let stackSize = 8 << 20
  /// Seconds to wait for the first answer before what the records say is shown.
  private static let longestFirst = 2.0

  private struct State: Sendable {
    var polls: JobPolls
    var answered = MonotonicInstant.now
    /// Counts the answers.
    var version = 0
    var isStopped = false
  }

  /// What is shown of one answer.
  private struct Known {
    var version = -1
    var jobs: [JobRecord] = []
    var counts = JobCounts([])
    var news: [String] = []
    var isOver = false
    var isWell = false
  }

  private let state: Monitor<State>
  /// The width of the terminal in columns; nil if there is none.
  private let width: () -> Int?
  private let write: (String) throws -> Void
  private var text = WatchText()
  private var live = LiveLines()
  private var known = Known()

  /// - Parameters:
  ///   - polls: what is known at first.
  ///   - write: writes to standard output.
  public init(
    _ polls: JobPolls, width: @escaping () -> Int?, write: @escaping (String) throws -> Void
  ) {
    state = Monitor(State(polls: polls))
    self.width = width
    self.write = write
  }

  /// Blocks the signals that end or change a watch. Call it before the first thread starts.
  public static func blockSignals() throws(Errno) -> SignalFile {
    let signals = SignalSet([SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP].filter { !isIgnored($0) })
    _ = signals.block()
    return try SignalFile(signals)
  }

  /// Finds the jobs to watch, on a thread of its own: this may take long, and a signal ends the wait for it at once.
  ///
  /// - Throws: what `find` throws, and the error of starting the thread.
  public static func begin(
    _ signals: SignalFile, find: @escaping @Sendable () throws -> JobPolls
  ) throws -> Beginning {
    let found = Monitor<Result<JobPolls, any Error>?>(nil)
    _ = try OwnThread("duct watch", stackSize: stackSize) {
      let result = Result(catching: find)
      found.update { $0 = result }
    }
    while true {
      if let result = found.withLock({ $0 }) { return .found(try result.get()) }
      let ready = try poll(reading: [signals.descriptor], until: .now + firstLook)
      guard ready[0].isReadable, let signal = signals.next(), signal.number != SIGWINCH else { continue }
      if signal.number == SIGTSTP { kill(getpid(), SIGSTOP) } else { return .signal(signal.number) }
    }
  }

  /// Returns when all jobs have ended, or when a signal asks for it.
  ///
  /// - Parameter ask: asks once more. It runs on a thread of its own, at once and then every `interval` seconds.
  /// - Throws: what `write` throws, and the error of starting the thread.
  public mutating func run(
    _ signals: SignalFile, ask: @escaping @Sendable (inout JobPolls) -> Void
  ) throws -> End {
    let first = state.withLock { $0.version }
    try start(ask)
    defer { state.update { $0.isStopped = true } }
    let latestFirst = MonotonicInstant.now + Self.longestFirst
    while true {
      let now = state.withLock { $0 }
      // What the record says may be hours old: then it is no news.
      let awaitsFirst = now.version == first && latestFirst > .now
      if !awaitsFirst {
        try show(now)
        if known.isOver { return try finish() }
      }
      let look = awaitsFirst ? Self.firstLook : Self.look
      let ready = try poll(reading: [signals.descriptor], until: .now + look)
      guard ready[0].isReadable, let signal = signals.next() else { continue }
      switch signal.number {
      case SIGWINCH: continue
      case SIGTSTP:
        try write(live.end([], width: width() ?? 80))
        kill(getpid(), SIGSTOP)
      case let number:
        try write(live.end([], width: width() ?? 80))
        return .signal(number)
      }
    }
  }

  private func start(_ ask: @escaping @Sendable (inout JobPolls) -> Void) throws(Errno) {
    _ = try OwnThread("duct watch", stackSize: Self.stackSize) { [state] in
      while true {
        let start = MonotonicInstant.now
        let before = threadProcessorTime()
        var polls = state.withLock { $0.polls }
        ask(&polls)
        let cost = threadProcessorTime() - before
        let answered = polls
        state.update {
          $0.polls = answered
          $0.version += 1
          if answered.problem == nil { $0.answered = .now }
        }
        let due = start + min(max(Self.interval, cost / Self.share), Self.longestInterval)
        if state.wait(until: due, for: { $0.isStopped ? true : nil }) == true { return }
      }
    }
  }

  private mutating func show(_ now: State) throws {
    // There may be 100,000 jobs: count them only if Slurm has been asked since.
    if known.version != now.version {
      let jobs = now.polls.jobs
      known = Known(
        version: now.version, jobs: jobs, counts: JobCounts(jobs),
        news: text.news(jobs, isLost: now.polls.isLost), isOver: now.polls.allSettled,
        isWell: now.polls.hasEndedWell)
    }
    let (jobs, counts) = (known.jobs, known.counts)
    var news = known.news
    known.news = []
    guard let width = width() else {
      if let change = text.change(counts) { news.append(change) }
      if let change = text.change(problem: now.polls.problem) { news.append(change) }
      if !news.isEmpty { try write(stamped(news).map { $0 + "\n" }.joined()) }
      return
    }
    let status = WatchStatus(
      problem: now.polls.problem, left: WatchEstimate.text(jobs, now: WallTime.now.seconds),
      secondsSinceAnswer: Int(MonotonicInstant.now.seconds(since: now.answered)))
    let lines = WatchText.screen(counts, status, width: width)
    try write(live.draw(lines, above: stamped(news), width: width))
  }

  private func stamped(_ lines: [String]) -> [String] {
    let time = WallTime.now.text(format: "%H:%M:%S")
    return lines.map { "\(time) \($0)".forDisplay }
  }

  private mutating func finish() throws -> End {
    let jobs = known.jobs
    let summary = jobs.isEmpty ? "no Slurm jobs" : JobSummary.text(jobs)
    try write(live.end([summary.forDisplay], width: width() ?? 80))
    return .ofJobs(isWell: known.isWell)
  }
}
