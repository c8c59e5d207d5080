internal import SystemCalls

/// Finds processes that are new since the previous sample.
///
/// The kernel hands out pids in turn, and /proc/loadavg has the last one. So only the pids in between can be new, and
/// only that part of /proc is listed. Three cases need all of /proc:
/// - the first search, if processes from before the run count as well;
/// - after so much time that the pids may have gone round;
/// - every 30 seconds, for processes that were started with a chosen pid (clone3(2)).
/// There, a process that was already known as a stranger's costs no system call.
///
/// If /proc shows the pids of another namespace than duct's (`ProcNumbers`), the new part of it cannot be listed. Then
/// each pid that duct's namespace has handed out is asked for by itself. They are as many as the threads that the
/// namespace has started, however many the host has.
struct ProcessSearch {
  /// Seconds after which all of /proc is listed.
  private static let longestTrust = 30.0
  /// Seconds after which a run is long enough to pay for `noteStrangers`.
  private static let shortRun = 0.5
  /// Pids that the fastest hosts hand out in a second.
  private static let mostPIDsPerSecond = 20_000.0
  /// Pids that the kernel may skip when it begins anew: it reserves the first 300.
  private static let reservedPIDs = 1000.0

  private let files: ProcFiles
  private let lastPossiblePID: Int32
  private let first: Int32
  private var last: Int32
  private let start: MonotonicInstant
  private var hasNotedStrangers = false
  private var lastSearch: MonotonicInstant
  private var lastCompleteSearch: MonotonicInstant
  private var needsCompleteSearch: Bool
  /// Processes that did not belong to the run at the last complete search, by pid.
  private var strangers: [ProcFiles.Entry] = []
  private var listing: [ProcFiles.Entry] = []

  /// - Parameters:
  ///   - pid: a process with this pid or a later one is new. In duct's own pid namespace.
  ///   - isComplete: the first search also finds older processes.
  init(after pid: Int32, isComplete: Bool, files: ProcFiles) {
    self.files = files
    first = pid
    last = pid
    start = .now
    lastSearch = start
    lastCompleteSearch = start
    needsCompleteSearch = isComplete
    lastPossiblePID = files.lastPossiblePID()
  }

  /// What the last search found: candidates, which may or may not belong to the run.
  var found: [ProcessStat] = []

  /// Searches, and sets `found`.
  ///
  /// - Parameter known: the living processes of the run, by pid in /proc.
  mutating func run(_ now: MonotonicInstant, known: [Int32: Int]) {
    found.removeAll(keepingCapacity: true)
    let newest = files.lastPID()
    defer {
      last = newest ?? last
      lastSearch = now
    }
    guard let newest, !needsCompleteSearch, files.numbers.view != .same || files.canSeek,
      now.seconds(since: lastCompleteSearch) < Self.longestTrust, pidsAreInOrder(now, since: lastSearch)
    else {
      searchAll(known)
      lastCompleteSearch = now
      needsCompleteSearch = false
      return
    }
    if !hasNotedStrangers, now.seconds(since: start) > Self.shortRun {
      hasNotedStrangers = true
      if files.numbers.view == .same, pidsAreInOrder(now, since: start) {
        noteStrangers(upTo: newest, known)
      }
    }
    if newest > last {
      search((last + 1)...newest, known)
    } else if newest < last {
      search((last + 1)...max(lastPossiblePID, last + 1), known)
      search(1...newest, known)
    }
  }

  /// The pids cannot have gone round since that time.
  private func pidsAreInOrder(_ now: MonotonicInstant, since instant: MonotonicInstant) -> Bool {
    now.seconds(since: instant) * Self.mostPIDsPerSecond < Double(lastPossiblePID) - Self.reservedPIDs
  }

  private mutating func search(_ range: ClosedRange<Int32>, _ known: [Int32: Int]) {
    guard files.numbers.view == .same else {
      for pid in range {
        if let number = files.number(of: pid), known[number] == nil, let stat = files.stat(number) {
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

  private mutating func searchAll(_ known: [Int32: Int]) {
    listing.removeAll(keepingCapacity: true)
    files.forEachProcess { listing.append($0) }
    var position = 0
    for entry in listing {
      while position < strangers.count, strangers[position].pid < entry.pid { position += 1 }
      if known[entry.pid] != nil || position < strangers.count && strangers[position] == entry { continue }
      if files.mayBeProgram(entry.pid), let stat = files.stat(entry.pid) {
        found.append(stat)
      }
    }
    // A candidate that turns out to belong to the run is in `known` at the next complete search.
    keepStrangers { known[$0] == nil }
  }

  /// Notes processes that got their pid before the run as strangers, without reading them. Not in the first half
  /// second, so that short commands do not pay for it.
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
