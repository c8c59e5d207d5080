import Glibc
internal import SystemCalls

/// Finds processes that are new since the last look.
///
/// The kernel gives out pids in turn, and tells the last one: only those in between can be new. All of /proc
/// is read where that does not hold: at the first look when processes from before the run count as well, when
/// so much time has passed that pids may have gone round, and every 30 seconds, for those that were started
/// with a pid of somebody's choice. Then a process that was another's already costs no call.
///
/// Where /proc has other pids than this process's namespace (`ProcNumbers`), the part of it that is new cannot be
/// listed: then each of the pids that were given out is asked for by itself. There are as many as the namespace has
/// started threads, however many the host has.
struct ProcessSearch {
  private static let longestTrust = 30.0
  private static let shortRun = 0.5
  /// Pids that the fastest hosts give out in a second.
  private static let mostPIDsASecond = 20_000.0

  private let files: ProcFiles
  private let lastPossiblePID: Int32
  private let first: Int32
  private var last: Int32
  private let start: MonotonicInstant
  private var hasNotedStrangers = false
  private var lastLook: MonotonicInstant
  private var lastComplete: MonotonicInstant
  private var needsComplete: Bool
  /// Those that were not ours at the last complete look, by pid.
  private var strangers: [ProcFiles.Entry] = []
  private var listing: [ProcFiles.Entry] = []

  /// - Parameters:
  ///   - pid: whoever has it or a later one is new; in this process's own pid namespace.
  ///   - isComplete: older ones are looked at as well, the first time.
  init(after pid: Int32, isComplete: Bool, files: ProcFiles) {
    self.files = files
    first = pid
    last = pid
    start = .now
    lastLook = start
    lastComplete = start
    needsComplete = isComplete
    lastPossiblePID = Self.pidMax
  }

  private static var pidMax: Int32 {
    guard let bytes = try? readAll("/proc/sys/kernel/pid_max", limit: 64) else { return 0 }
    return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) ?? 0
  }

  /// What may be ours, by the last search.
  var found: [ProcessStat] = []

  /// - Parameter known: ours, by pid.
  mutating func run(_ now: MonotonicInstant, known: [Int32: Int]) {
    found.removeAll(keepingCapacity: true)
    let newest = files.lastPID()
    defer {
      last = newest ?? last
      lastLook = now
    }
    guard let newest, !needsComplete, files.numbers.view != .same || files.canSeek,
      now.seconds(since: lastComplete) < Self.longestTrust, isTrusted(now, since: lastLook)
    else {
      lookAtAll(known)
      lastComplete = now
      needsComplete = false
      return
    }
    if !hasNotedStrangers, now.seconds(since: start) > Self.shortRun {
      hasNotedStrangers = true
      if files.numbers.view == .same, isTrusted(now, since: start) { noteStrangers(upTo: newest, known) }
    }
    if newest > last {
      lookAt((last + 1)...newest, known)
    } else if newest < last {
      lookAt((last + 1)...max(lastPossiblePID, last + 1), known)
      lookAt(1...newest, known)
    }
  }

  /// The pids cannot have gone round.
  private func isTrusted(_ now: MonotonicInstant, since instant: MonotonicInstant) -> Bool {
    now.seconds(since: instant) * Self.mostPIDsASecond < Double(lastPossiblePID) - 1000
  }

  private mutating func lookAt(_ range: ClosedRange<Int32>, _ known: [Int32: Int]) {
    guard files.numbers.view == .same else {
      for pid in range {
        if let number = files.numbers.inProc(pid), known[number] == nil, let stat = files.stat(number) {
          found.append(stat)
        }
      }
      return
    }
    listing.removeAll(keepingCapacity: true)
    files.forEachProcess(in: range) { listing.append($0) }
    for entry in listing where known[entry.pid] == nil {
      if let stat = files.stat(entry.pid) { found.append(stat) }
    }
  }

  private mutating func lookAtAll(_ known: [Int32: Int]) {
    listing.removeAll(keepingCapacity: true)
    files.forEachProcess { listing.append($0) }
    var position = 0
    for entry in listing {
      while position < strangers.count, strangers[position].pid < entry.pid { position += 1 }
      if known[entry.pid] != nil || position < strangers.count && strangers[position] == entry { continue }
      // 0: the kernel's own threads; -1: one that has just gone.
      if files.numbers.view != .same || getsid(entry.pid) > 0, let stat = files.stat(entry.pid) {
        found.append(stat)
      }
    }
    // Those among them that turn out to be ours are known by then.
    keepStrangers { known[$0] == nil }
  }

  /// Whatever was not given its pid since the start of the run is another's, without being read. Not at
  /// once: a command that is soon over is not held up by it.
  private mutating func noteStrangers(upTo newest: Int32, _ known: [Int32: Int]) {
    listing.removeAll(keepingCapacity: true)
    files.forEachProcess { listing.append($0) }
    let first = self.first
    keepStrangers { pid in
      first <= newest ? !(pid >= first && pid <= newest) : pid < first && pid > newest
    }
  }

  private mutating func keepStrangers(_ isStranger: (Int32) -> Bool) {
    strangers.removeAll(keepingCapacity: true)
    for entry in listing where isStranger(entry.pid) { strangers.append(entry) }
  }
}
