internal import SystemCalls

/// Decides when the expensive details of all processes are read (`ProcessDetails`), and adds them up.
///
/// They are read with each report, with the first and last sample, and when the run's memory has changed much, as far
/// as `DetailBudget` allows.
struct DetailReading {
  /// Seconds of CPU time after which a round reads no more proportional memory. The kernel needs some 70 ns for a page.
  private static let longestRound = 0.2
  /// Seconds that may pass meanwhile: where the command needs every core, duct waits for one in between.
  private static let longestWait = 1.0
  /// The part of the time that passes in a round which the budget pays at least, because samples wait for it.
  private static let waitingShare = 0.1
  /// Bytes: a smaller difference of the run's memory is no change.
  private static let smallestChange = 16 << 20

  private var budget = DetailBudget()
  private var lastSample: MonotonicInstant
  private var residentAtLastRound = 0
  private var residentBefore = 0

  init(start: MonotonicInstant) { lastSample = start }

  /// Sums over the living processes.
  struct Result {
    /// Bytes. Nil if the kernel does not report them, or the round ended before all processes were read.
    var proportional: Int?
    /// Bytes, likewise.
    var swap: Int?
    var io: ProcessDetails.IOCounts?
    /// Bytes, of a single process.
    var largestPeakResident: UInt64?
  }

  /// - Parameters:
  ///   - resident: bytes of the whole run in this sample.
  ///   - isDue: read if the budget allows.
  ///   - isLast: read in any case, since the command has ended and loses no time by it.
  /// - Returns: nil if nothing was read.
  mutating func read(
    _ processes: inout RunProcesses, _ files: ProcFiles, now: MonotonicInstant, resident: Int, isDue: Bool,
    isLast: Bool
  ) -> Result? {
    budget.earn(now.seconds(since: lastSample))
    lastSample = now
    defer { residentBefore = resident }
    guard isLast || budget.allowsRound && (isDue || hasChanged(resident)) else { return nil }
    residentAtLastRound = resident
    // All processes or none: proportional memory that was read at different times adds up to nothing.
    let (begin, beginUsed) = (MonotonicInstant.now, threadProcessorTime())
    var (passed, used) = (0.0, 0.0)
    // After the command's end, the user waits for this round.
    let longestWait = isLast ? Self.longestRound : Self.longestWait
    var isComplete = true
    processes.forEachLiving { process in
      isComplete = isComplete && used < Self.longestRound && passed < longestWait
      process.details.read(files, process.stat.pid, withShares: isComplete && !process.stat.isZombie)
      passed = MonotonicInstant.now.seconds(since: begin)
      used = threadProcessorTime() - beginUsed
    }
    budget.pay(max(used, passed * Self.waitingShare))
    return sum(&processes, isComplete: isComplete)
  }

  /// Growing memory is read whenever it has doubled, and once more when it stops growing.
  private func hasChanged(_ resident: Int) -> Bool {
    let difference = abs(resident - residentAtLastRound)
    if difference <= max(Self.smallestChange, residentAtLastRound / 10) { return false }
    let isSteady = abs(resident - residentBefore) <= resident / 50
    return difference > residentAtLastRound || isSteady
  }

  private func sum(_ processes: inout RunProcesses, isComplete: Bool) -> Result {
    var result = Result()
    var proportional: UInt64?
    var swap: UInt64?
    processes.forEachLiving { process in
      let details = process.details
      if let peak = details.peakResidentBytes {
        result.largestPeakResident = max(result.largestPeakResident ?? 0, peak)
      }
      if let io = details.io { result.io = (result.io ?? .init()) + io }
      if process.stat.isZombie { return }
      if let share = details.proportionalBytes { proportional = (proportional ?? 0) + share }
      // From status where there is no smaps_rollup.
      if let bytes = details.swapBytes { swap = (swap ?? 0) + bytes }
    }
    if isComplete {
      result.proportional = proportional.map { Int(clamping: $0) }
      result.swap = swap.map { Int(clamping: $0) }
    }
    return result
  }
}
