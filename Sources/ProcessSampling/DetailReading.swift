internal import SystemCalls

/// When what is dear to read of a process is read: at each report, at the first and last look, and when the
/// run's memory has changed much; within a budget of time.
struct DetailReading {
  /// Of the time that passes.
  private static let share = 0.01
  /// Seconds; a page of memory that is looked at costs some 70 ns.
  private static let longestRound = 0.2
  /// Seconds that can be saved up.
  private static let mostCredit = 0.25
  /// Bytes: less is no change.
  private static let change = 16 << 20

  /// Seconds that may be used now.
  private var credit = 0.05
  private var lastLook: MonotonicInstant
  private var residentAtLast = 0
  private var residentBefore = 0

  init(start: MonotonicInstant) { lastLook = start }

  /// What was found.
  struct Result {
    /// Bytes; nil if the budget did not last, or nothing was asked for.
    var proportional: Int?
    var swap: Int?
    var io: ProcessDetails.IOCounts?
    var largestPeakResident: UInt64?
  }

  /// - Parameters:
  ///   - resident: bytes of the whole run at this look.
  ///   - isDue: read as far as the budget allows.
  ///   - isLast: read in any case; the command does not need the time any more.
  mutating func read(
    _ processes: inout RunProcesses, _ files: ProcFiles, now: MonotonicInstant, resident: Int, isDue: Bool,
    isLast: Bool
  ) -> Result? {
    credit = min(credit + max(now.seconds(since: lastLook), 0) * Self.share, Self.mostCredit)
    lastLook = now
    defer { residentBefore = resident }
    guard isLast || credit > 0 && (isDue || hasChanged(resident)) else { return nil }
    residentAtLast = resident
    // All of them or none: shares that were read at different times add up to nothing.
    let begin = MonotonicInstant.now
    var end = begin
    var isComplete = true
    processes.forEachLiving { process in
      isComplete = isComplete && end.seconds(since: begin) < Self.longestRound
      process.details.read(files, process.stat.pid, withShares: isComplete && !process.stat.isZombie)
      end = .now
    }
    // What was too much is saved up again before the next time.
    credit -= end.seconds(since: begin)
    return sum(&processes, isComplete: isComplete)
  }

  /// While memory grows it is read whenever it has doubled, and once more when it stays as it is.
  private func hasChanged(_ resident: Int) -> Bool {
    let difference = abs(resident - residentAtLast)
    if difference <= max(Self.change, residentAtLast / 10) { return false }
    return difference > residentAtLast || abs(resident - residentBefore) <= resident / 50
  }

  private func sum(_ processes: inout RunProcesses, isComplete: Bool) -> Result {
    var result = Result()
    var (proportional, swap) = (UInt64(0), UInt64(0))
    var hasShare = false
    processes.forEachLiving { process in
      let details = process.details
      if let peak = details.peakResidentBytes {
        result.largestPeakResident = max(result.largestPeakResident ?? 0, peak)
      }
      if let io = details.io { result.io = (result.io ?? .init()) + io }
      if process.stat.isZombie { return }
      if let share = details.proportionalBytes {
        proportional += share
        hasShare = true
      }
      swap += details.swapBytes ?? 0
    }
    if hasShare, isComplete {
      result.proportional = Int(clamping: proportional)
      result.swap = Int(clamping: swap)
    }
    return result
  }
}

extension ProcessDetails.IOCounts {
  static func + (left: Self, right: Self) -> Self {
    Self(
      readCharacters: left.readCharacters &+ right.readCharacters,
      writtenCharacters: left.writtenCharacters &+ right.writtenCharacters,
      readBytes: left.readBytes &+ right.readBytes, writtenBytes: left.writtenBytes &+ right.writtenBytes)
  }

  /// The larger of each: what a process had read goes with it, where nobody waits for it.
  func peak(_ other: Self) -> Self {
    Self(
      readCharacters: max(readCharacters, other.readCharacters),
      writtenCharacters: max(writtenCharacters, other.writtenCharacters),
      readBytes: max(readBytes, other.readBytes), writtenBytes: max(writtenBytes, other.writtenBytes))
  }
}
