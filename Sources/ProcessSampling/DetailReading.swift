internal import SystemCalls

/// Decides when the expensive details of all processes are read (`ProcessDetails`), and adds them up.
///
/// They are read with each report, with the first and last sample, and when the run's memory has changed much, as far
/// as `DetailBudget` allows.
struct DetailReading {
  /// Seconds after which a round reads no more proportional memory. The kernel needs some 70 ns for a page.
  private static let longestRound = 0.2
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
    let begin = MonotonicInstant.now
    var end = begin
    var isComplete = true
    processes.forEachLiving { process in
      isComplete = isComplete && end.seconds(since: begin) < Self.longestRound
      process.details.read(files, process.stat.pid, withShares: isComplete && !process.stat.isZombie)
      end = .now
    }
    budget.pay(end.seconds(since: begin))
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
