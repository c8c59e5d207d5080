internal import CSystemCalls
import Glibc
internal import SlurmJobs
internal import SystemCalls

/// The processes of a run: the command's session, and every descendant, also those that left the session.
/// duct is a child subreaper, so that an orphan becomes its child and is kept.
///
/// Each look reads the stat lines of the run's processes, and finds new ones: by the pids that were given out
/// since the last look, so that the host's other processes cost nothing; by all of /proc where that cannot be
/// done, and now and then in any case.
///
/// Processes are told apart by the pids that /proc shows. Calls and records have those of this process's own pid
/// namespace: see `ProcFiles`.
struct RunProcesses {
  /// The command; nil where /proc tells nothing of it.
  private let root: Int32?
  private let session: Int32?
  /// duct's own session is shared with others (`--mode current-session`).
  private let sessionIsShared: Bool

  private(set) var all: ContiguousArray<RunProcess> = []
  /// Places of those that are alive, by pid.
  private var places: [Int32: Int] = [:]
  private(set) var sessions: SeenSessions
  /// Processor time of the run, in nanoseconds, each counted once.
  private(set) var processorTime: Int64 = 0
  /// The same since the look before, with that of those that are in the session only.
  private(set) var interval: Int64 = 0
  private(set) var changes = Changes()
  /// Distinct processes that have left the command's session.
  private(set) var escapedCount = 0

  struct Changes: Sendable {
    /// A process came or went, or has waited for a child.
    var hasChanged = false
    /// A process of that name is below the command that was not there at the look before.
    var hasNewSbatch = false
  }

  private let files: ProcFiles
  private let host: HostConstants
  private let nanosecondsPerTick: Int64
  private let isHelper: (Int32) -> Bool
  private let own: Int32?
  private var search: ProcessSearch
  private var openFiles = 0
  private let mostOpenFiles: Int
  /// Orphans that duct has reaped.
  private var orphans = ProcessorAccount()
  private var gone: [Int] = []
  private var isFirstLook = true

  /// - Parameters:
  ///   - root: the command, in this process's own pid namespace.
  ///   - session: likewise.
  init(
    root: Int32, session: Int32, sessionIsShared: Bool, files: ProcFiles, host: HostConstants,
    isHelper: @escaping (Int32) -> Bool
  ) {
    own = files.numbers.own
    let command = files.numbers.inProc(root)
    self.root = command
    // A shared session is this process's too; else the command leads it.
    self.session = sessionIsShared ? own.flatMap { files.stat($0) }?.session : command
    self.sessionIsShared = sessionIsShared
    self.files = files
    self.host = host
    self.isHelper = isHelper
    nanosecondsPerTick = Int64(1e9 / host.ticksPerSecond)
    search = ProcessSearch(after: root, isComplete: sessionIsShared, files: files)
    sessions = SeenSessions(shared: sessionIsShared ? self.session : nil)
    if !sessionIsShared { sessions.add(command ?? session, name: session) }
    mostOpenFiles = Self.descriptorsToSpare
  }

  /// Everything else that duct opens needs some of them.
  private static var descriptorsToSpare: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return max(0, min(Int(clamping: limit.rlim_cur) - 256, 16384))
  }

  // MARK: A look

  /// - Parameter reaped: nanoseconds that orphans had used which duct has reaped, until before the look.
  mutating func look(_ now: MonotonicInstant, reaped: Int64) {
    changes = Changes()
    gone.removeAll(keepingCapacity: true)
    for place in all.indices where !all[place].isGone { refresh(place) }
    noteGone()
    find(now)
    settle(reaped)
    noteSessions()
    isFirstLook = false
  }

  private mutating func refresh(_ place: Int) {
    let file = all[place].file
    let found = file >= 0 ? files.stat(of: file) : files.stat(all[place].stat.pid)
    // It is there, and there was no descriptor to read of it: what was known stays.
    if found == nil, file < 0, getpgid(all[place].pid) >= 0 { return }
    guard let stat = found, stat.startTicks == all[place].stat.startTicks else {
      gone.append(place)
      return
    }
    if !all[place].isDescendant, stat.session != session {
      leave(place)
      return
    }
    if stat.childFaults != all[place].stat.childFaults, all[place].isDescendant { changes.hasChanged = true }
    if stat.name != all[place].stat.name, stat.name == .sbatch, all[place].isDescendant {
      changes.hasNewSbatch = true
    }
    all[place].stat = stat
    all[place].updateNames(files)
    read(place)
  }

  private mutating func read(_ place: Int) {
    let stat = all[place].stat
    let ticks = Int64(clamping: stat.userTicks &+ stat.systemTicks) &* nanosecondsPerTick
    // Finer than ticks, where there is a clock of it still.
    let own = max(duct_process_cpu(all[place].pid), ticks)
    all[place].account.read(
      own: own, childTicks: stat.childTicks, nanosecondsPerTick: nanosecondsPerTick)
    if !all[place].hasEscaped, all[place].isDescendant, stat.session != session, stat.session > 0 {
      all[place].hasEscaped = true
      escapedCount += 1
    }
    if all[place].hasNewCommand { all[place].readCommandLine(files) }
  }

  /// It does not count any more, and lives on.
  private mutating func leave(_ place: Int) {
    close(place)
    all[place].isGone = true
    places[all[place].stat.pid] = nil
  }

  private mutating func close(_ place: Int) {
    guard all[place].file >= 0 else { return }
    Glibc.close(all[place].file)
    all[place].file = -1
    openFiles -= 1
  }

  /// What was counted of those that have gone comes to their parents once more.
  private mutating func noteGone() {
    if gone.isEmpty { return }
    changes.hasChanged = true
    // Children before their parents, which may have gone as well.
    gone.sort {
      (all[$0].stat.startTicks, all[$0].stat.pid) > (all[$1].stat.startTicks, all[$1].stat.pid)
    }
    for place in gone {
      let legacy = all[place].account.legacy
      if let parent = places[all[place].stat.parent], all[parent].isDescendant {
        all[parent].account.claim(legacy)
      } else if all[place].isDescendant {
        orphans.claim(legacy)
      }
    }
    for place in gone { leave(place) }
  }

  private mutating func settle(_ reaped: Int64) {
    orphans.read(own: 0, childTicks: UInt64(clamping: reaped), nanosecondsPerTick: 1)
    let ofOrphans = orphans.settle()
    processorTime += ofOrphans
    interval = ofOrphans
    for place in all.indices where !all[place].isGone {
      let new = all[place].account.settle()
      interval += new
      if all[place].isDescendant { processorTime += new }
    }
  }

  // MARK: New ones

  private mutating func find(_ now: MonotonicInstant) {
    search.run(now, known: places)
    if isFirstLook, let root, let stat = files.stat(root) { search.found.append(stat) }
    if !search.found.isEmpty { add(search.found) }
  }

  /// Adds those that are below the command or in its session.
  mutating func add(_ candidates: [ProcessStat]) {
    var waiting = candidates
    var isLast = false
    while !waiting.isEmpty {
      // A parent can stand behind its child where pids have begun anew.
      let left = waiting.filter { !add($0, isLast: isLast) }
      if left.count == waiting.count, isLast { return }
      isLast = left.count == waiting.count
      waiting = left
    }
  }

  /// False if it is not known yet whose it is.
  private mutating func add(_ stat: ProcessStat, isLast: Bool) -> Bool {
    if places[stat.pid] != nil { return true }
    var names: ProcFiles.Names?
    let isDescendant: Bool
    if stat.pid == root {
      isDescendant = true
    } else if stat.parent == own, stat.pid != own {
      names = files.names(stat)
      guard let names else { return true }
      if isHelper(names.pid) { return true }
      isDescendant = true
    } else if let parent = places[stat.parent], all[parent].isDescendant {
      isDescendant = true
    } else if isLast, stat.session == session {
      // Nobody joins a session from outside.
      isDescendant = !sessionIsShared
    } else {
      return false
    }
    // It has gone since, or is in no namespace that a child of this process can be in.
    guard let names = names ?? files.names(stat) else { return true }
    let place = all.count
    all.append(RunProcess(stat, names, isDescendant: isDescendant))
    places[stat.pid] = place
    if openFiles < mostOpenFiles, let file = files.open(.stat, stat.pid) {
      all[place].file = file
      openFiles += 1
    }
    read(place)
    // It was there before the run.
    if isFirstLook, !isDescendant { all[place].account.leaveOutUntilNow() }
    if isDescendant {
      // A command that is over before the first look has done nothing that could be seen.
      if stat.pid != root || !stat.isZombie { changes.hasChanged = true }
      if stat.name == .sbatch { changes.hasNewSbatch = true }
    }
    return true
  }

  private mutating func noteSessions() {
    sessions.begin()
    for place in all.indices where !all[place].isGone && all[place].isDescendant {
      sessions.note(all[place].stat.session, name: all[place].names.session)
    }
    sessions.finish()
  }

  // MARK: For reports

  /// Calls `body` for each that is alive.
  mutating func forEachLiving(_ body: (inout RunProcess) -> Void) {
    for place in all.indices where !all[place].isGone { body(&all[place]) }
  }

  /// Those that have gone are told of now, and forgotten.
  mutating func forgetGone() {
    if !all.contains(where: \.isGone) { return }
    all.removeAll(where: \.isGone)
    places.removeAll(keepingCapacity: true)
    for (place, process) in all.enumerated() { places[process.stat.pid] = place }
  }

  /// What of the processor time is the command's and that of children that it has waited for.
  var timeOfRoot: Int64 { root.flatMap { places[$0] }.map { all[$0].account.asKernel } ?? 0 }

  /// /proc tells which they are.
  var areKnown: Bool { root != nil }

  /// None is alive.
  var isEmpty: Bool { all.allSatisfy(\.isGone) }

  /// In this process's own pid namespace.
  var livingPIDs: some Sequence<Int32> { all.lazy.filter { !$0.isGone }.map(\.pid) }

  /// The parent of one of them, in this process's own pid namespace: 0 where it is in none of ours.
  func parent(of process: RunProcess) -> Int32 {
    let parent = process.stat.parent
    if files.numbers.view == .same { return parent }
    if parent == own { return getpid() }
    if let place = places[parent] { return all[place].pid }
    return files.stat(parent).flatMap { files.names($0) }?.pid ?? 0
  }

  mutating func closeAll() {
    for place in all.indices { close(place) }
  }
}
