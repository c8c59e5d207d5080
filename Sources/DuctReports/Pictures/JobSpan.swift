/// What became of a job, as pictures distinguish it.
enum JobOutcome: Int, CaseIterable, Sendable {
  case waiting, running, succeeded, failed, timedOut, outOfMemory, cancelled, unknown

  /// In legends.
  var word: String {
    switch self {
    case .waiting: "waiting"
    case .running: "running"
    case .succeeded: "ended well"
    case .failed: "failed"
    case .timedOut: "timed out"
    case .outOfMemory: "out of memory"
    case .cancelled: "cancelled"
    case .unknown: "not known"
    }
  }

  /// The class of its shapes in SVG.
  var name: String {
    switch self {
    case .waiting: "waiting"
    case .running: "running"
    case .succeeded: "well"
    case .failed: "failed"
    case .timedOut: "timeout"
    case .outOfMemory: "memory"
    case .cancelled: "cancelled"
    case .unknown: "unknown"
    }
  }
}

/// When a job waited and ran, as pictures show it.
///
/// The times are from records, which can have any: those that no calendar has are not known here, and an interval
/// never ends before it begins.
struct JobSpan: Sendable, Equatable {
  /// As squeue prints it.
  let id: String
  let name: String?
  let outcome: JobOutcome
  /// It ended, and not well.
  let isFailure: Bool
  /// Jobs and array tasks that it stands for.
  let count: Int
  /// Seconds since 1970, from the submission to the start; nil if the submission is not known.
  let waiting: ClosedRange<Double>?
  /// Seconds from the eligible time to the start, as in tables: a dependency or `--begin` may have come before. Nil if
  /// it has not started, or if its times are not known.
  let waitSeconds: Int?
  /// Seconds since 1970; nil if it has not started.
  let running: ClosedRange<Double>?

  /// Seconds since 1970 that a picture can show: up to the year 2200.
  private static let times = 1.0...7_258_118_400.0

  /// - Parameters:
  ///   - started, ended: as they happened; nil if they have not, or are not known.
  ///   - seen: when the job was last seen. One that has not ended is shown until then.
  init(
    id: String, name: String?, outcome: JobOutcome, isFailure: Bool, count: Int = 1, submitted: Int?,
    started: Int?, ended: Int?, seen: Double, waitSeconds: Int? = nil
  ) {
    self.id = id
    self.name = name
    self.outcome = outcome
    self.isFailure = isFailure
    self.waitSeconds = waitSeconds
    // A record can claim any number, and these are added up.
    self.count = min(max(count, 1), 100_000_000)
    let submitted = Self.known(submitted)
    let started = Self.known(started)
    let isActive = outcome == .waiting || outcome == .running
    let ended = isActive ? max(seen, started ?? submitted ?? seen) : Self.known(ended)
    running = started.map { $0...max($0, ended ?? $0) }
    waiting = submitted.map { $0...max($0, started ?? ended ?? $0) }
  }

  /// The time from `seconds`; nil if that is none.
  static func known(_ seconds: Int?) -> Double? { known(seconds.map { Double($0) }) }

  static func known(_ seconds: Double?) -> Double? { seconds.flatMap { times.contains($0) ? $0 : nil } }

  /// When the job first appears in a picture; nil if no time is known.
  var first: Double? { waiting?.lowerBound ?? running?.lowerBound }
  /// When it last appears.
  var last: Double? { running?.upperBound ?? waiting?.upperBound }
}

/// When a run of duct took place: the orchestrator of jobs.
struct RunSpan: Sendable, Equatable {
  /// What names it: its command.
  let label: String
  let time: ClosedRange<Double>
  /// Its command ended with another exit code than 0; nil if it is not known.
  let hasFailed: Bool?

  /// Nil if the start is not known.
  ///
  /// - Parameters:
  ///   - started, ended: seconds since 1970. Without an end, only the start is shown.
  init?(label: String, started: Double?, ended: Double?, hasFailed: Bool?) {
    guard let started = JobSpan.known(started) else { return nil }
    self.label = label
    time = started...max(started, JobSpan.known(ended) ?? started)
    self.hasFailed = hasFailed
  }
}
