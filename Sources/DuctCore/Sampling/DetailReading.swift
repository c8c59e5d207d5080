internal import SystemCalls

/// When what is dear to read of a process is read: at each report, at the first and last look, and when the
/// run's memory has changed much; within a budget of time.
struct DetailReading {
  /// Of the time that passes.
  private static let share = 0.01
  /// Seconds that can be saved up.
  private static let mostCredit = 0.25
  private static let change = 16 << 20

  /// Seconds that may be used now.
  private var credit = 0.05
  private var lastLook: MonotonicInstant
  private var residentAtLast = 0
  private let pageSize: UInt64

  init(start: MonotonicInstant, pageSize: UInt64) {
    lastLook = start
    self.pageSize = pageSize
  }

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
  ///   - isDue: read in any case.
  mutating func read(
    _ processes: inout RunProcesses, _ files: ProcFiles, now: MonotonicInstant, resident: Int, isDue: Bool
  ) -> Result? {
    credit = min(credit + max(now.seconds(since: lastLook), 0) * Self.share, Self.mostCredit)
    lastLook = now
    let difference = abs(resident - residentAtLast)
    guard isDue || difference > max(Self.change, residentAtLast / 10), credit > 0 else { return nil }
    residentAtLast = resident
    var begin = MonotonicInstant.now
    // First those that are new or have changed most, as far as the credit goes.
    for pass in 0..<2 where credit > 0 {
      processes.forEachLiving { process in
        let isFresh = process.isOutdated == (pass == 0)
        if credit <= 0 || !isFresh || pass == 1 && !isDue { return }
        process.details.read(files, process.stat.pid, withShares: !process.stat.isZombie)
        process.pagesAtDetails = process.stat.residentPages
        let end = MonotonicInstant.now
        credit -= end.seconds(since: begin)
        begin = end
      }
    }
    return sum(&processes)
  }

  private func sum(_ processes: inout RunProcesses) -> Result {
    var result = Result()
    var (proportional, swap) = (UInt64(0), UInt64(0))
    var (hasShare, isComplete) = (false, true)
    processes.forEachLiving { process in
      let details = process.details
      if let peak = details.peakResidentBytes {
        result.largestPeakResident = max(result.largestPeakResident ?? 0, peak)
      }
      if let io = details.io { result.io = (result.io ?? .init()) + io }
      if process.stat.isZombie { return }
      if process.pagesAtDetails == nil { isComplete = false }
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

extension RunProcess {
  /// Its memory is another than when it was read.
  fileprivate var isOutdated: Bool {
    guard let before = pagesAtDetails else { return true }
    let now = stat.residentPages
    return (now > before ? now - before : before - now) > before / 8
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
