import Glibc
internal import SlurmJobs
internal import SystemCalls

/// The processes of a run: those in the command's session, and every descendant, also if it left the session. If duct
/// has not started them: those that `WatchedProcesses` describes.
///
/// duct is a child subreaper, see prctl(2): an orphan becomes duct's child, and so stays in the run.
///
/// Each sample reads the stat lines of the run's processes and finds new ones (`ProcessSearch`). Processes are
/// distinguished by the pids that /proc shows. System calls and records use those of duct's own pid namespace, see
/// `ProcFiles`.
struct RunProcesses {
  /// Pid of the command in /proc; nil if /proc does not show it.
  private let root: Int32?
  private let session: Int32?
  /// The command is in duct's own session, with other programs (`--mode current-session`).
  private let sessionIsShared: Bool
  /// duct has not started the processes.
  let isAttached: Bool
  /// The children of its slurmstepd belong to the run.
  let step: StepName?
  /// Pid in /proc of a slurmstepd, likewise.
  let daemon: Int32?
  private let group: GroupMembers?

  private(set) var all: ContiguousArray<RunProcess> = []
  /// Indices in `all` of the living processes, by pid in /proc.
  private var places: [Int32: Int] = [:]
  private(set) var sessions: SeenSessions
  /// Nanoseconds of CPU time of the command and its descendants, each counted once.
  private(set) var processorTime: Int64 = 0
  /// Nanoseconds since the previous sample, of all processes, including those that are only in the session.
  private(set) var interval: Int64 = 0
  private(set) var changes = Changes()
  /// The use of each task, if the processes are those of a step.
  var tasks: [Int32: TaskUse] = [:]
  /// Number of distinct processes that have left the command's session.
  private(set) var escapedCount = 0
  /// Number of processes that have gone and are still to be reported.
  private(set) var goneCount = 0

  /// What has changed since the previous sample.
  struct Changes: Sendable {
    /// A process came or went, or has waited for a child.
    var hasChanged = false
    /// A process with the name sbatch is new below the command.
    var hasNewSbatch = false
  }

  let files: ProcFiles
  private let nanosecondsPerTick: Int64
  private let isHelper: (Int32) -> Bool
  /// duct's pid in /proc.
  private let own: Int32?
  private var search: ProcessSearch
  private var openFiles = 0
  private let mostOpenFiles: Int
  /// The account of the orphans that duct has reaped.
  private var orphans = ProcessorAccount()
  /// Indices of the processes that this sample found to have exited.
  private var gone: [Int] = []
  private var isFirstSample = true

  /// - Parameter isHelper: whether a child of duct, by its pid in duct's own pid namespace, is not part of the run.
  init(
    _ watched: WatchedProcesses, files: ProcFiles, host: HostConstants, isHelper: @escaping (Int32) -> Bool
  ) {
    own = files.numbers.own
    root = watched.root.flatMap { files.number(of: $0) }
    isAttached = watched.isAttached
    var (session, sessionName, isShared) = (nil as Int32?, nil as Int32?, false)
    var (step, daemon, group) = (nil as StepName?, nil as Int32?, nil as GroupMembers?)
    switch watched {
    case .command(let pid, let name, let shared):
      // A shared session is duct's too. Otherwise the command leads its session.
      session = shared ? own.flatMap { files.stat($0) }?.session : files.number(of: pid)
      (sessionName, isShared) = (name, shared)
    case .process(let pid):
      let stat = root.flatMap { files.stat($0) }
      if let stat, stat.session == stat.pid { (session, sessionName) = (stat.session, pid) }
    case .session(let name): (session, sessionName) = (files.number(of: name), name)
    case .job(let name): step = name
    case .daemon(let pid): daemon = files.number(of: pid)
    case .controlGroup(let folder): group = GroupMembers(folder)
    }
    (self.session, self.step, self.daemon, self.group) = (session, step, daemon, group)
    sessionIsShared = isShared
    self.files = files
    self.isHelper = isHelper
    nanosecondsPerTick = Int64(nanosecondsPerSecond / host.ticksPerSecond)
    search = ProcessSearch(after: watched.root ?? 1, isComplete: isShared || isAttached, files: files)
    sessions = SeenSessions(shared: isShared ? session : nil)
    if !isShared, let name = sessionName { sessions.add(session ?? name, name: name) }
    mostOpenFiles = Self.descriptorsToSpare
  }

  /// Descriptors that everything else in duct may need.
  private static let reservedDescriptors = 256
  /// The most stat files to keep open, however many descriptors the limit allows.
  private static let mostStatFiles = 16384

  private static var descriptorsToSpare: Int {
    max(0, min(openFileLimit - reservedDescriptors, mostStatFiles))
  }

  // MARK: A sample

  /// Reads all processes of the run.
  ///
  /// - Parameter reaped: nanoseconds of CPU time of all orphans that duct has reaped before this sample.
  mutating func sample(_ now: MonotonicInstant, reaped: Int64) {
    changes = Changes()
    gone.removeAll(keepingCapacity: true)
    for place in all.indices where !all[place].isGone { refresh(place) }
    claimForParents()
    find(now)
    settle(reaped)
    noteSessions()
    isFirstSample = false
  }

  private mutating func refresh(_ place: Int) {
    let file = all[place].file
    let found = file >= 0 ? files.stat(of: file) : files.stat(all[place].stat.pid)
    // The process exists, but duct had no free descriptor to read it: its last values stay.
    if found == nil, file < 0, files.exists(own: all[place].pid) { return }
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
    // The CPU clock has nanoseconds, but a zombie has none.
    let own = max(files.processorTime(own: all[place].pid), ticks)
    all[place].account.read(
      own: own, childTicks: stat.childTicks, nanosecondsPerTick: nanosecondsPerTick)
    if !isAttached, !all[place].hasEscaped, all[place].isDescendant, stat.session != session, stat.session > 0
    {
      all[place].hasEscaped = true
      escapedCount += 1
    }
    if all[place].hasNewCommand { all[place].readCommandLine(files) }
  }

  /// Removes a process from the run: it has exited, or has left a shared session.
  private mutating func leave(_ place: Int) {
    close(place)
    all[place].isGone = true
    goneCount += 1
    places[all[place].stat.pid] = nil
  }

  private mutating func close(_ place: Int) {
    guard all[place].file >= 0 else { return }
    Glibc.close(all[place].file)
    all[place].file = -1
    openFiles -= 1
  }

  /// When a child exits, its CPU time appears again in its parent's `cutime`. So the parent claims what was counted.
  private mutating func claimForParents() {
    if gone.isEmpty { return }
    changes.hasChanged = true
    // Children before their parents, since both may have exited.
    gone.sort {
      (all[$0].stat.startTicks, all[$0].stat.pid) > (all[$1].stat.startTicks, all[$1].stat.pid)
    }
    for place in gone {
      let counted = all[place].account.timeToClaim
      if let parent = places[all[place].stat.parent], all[parent].isDescendant {
        all[parent].account.claim(counted)
      } else if all[place].isDescendant, !isAttached {
        orphans.claim(counted)
      }
    }
    for place in gone { leave(place) }
  }

  private mutating func settle(_ reaped: Int64) {
    // wait4(2) has returned their time in full, so a "tick" is a nanosecond here.
    orphans.read(own: 0, childTicks: UInt64(clamping: reaped), nanosecondsPerTick: 1)
    let ofOrphans = orphans.settle()
    processorTime += ofOrphans
    interval = ofOrphans
    for place in all.indices where !all[place].isGone {
      let new = all[place].account.settle()
      interval += new
      if all[place].isDescendant { processorTime += new }
      if let task = all[place].task { tasks[task, default: TaskUse()].processorTime += new }
    }
  }

  // MARK: New processes

  private mutating func find(_ now: MonotonicInstant) {
    if let group {
      var found: [ProcessStat] = []
      for pid in group.read() {
        if let number = files.number(of: pid), places[number] == nil, let stat = files.stat(number) {
          found.append(stat)
        }
      }
      if !found.isEmpty { add(found) }
      return
    }
    search.run(now, known: places)
    if isFirstSample, let root, let stat = files.stat(root) { search.found.append(stat) }
    if !search.found.isEmpty { add(search.found) }
  }

  /// Adds the candidates that descend from the command or are in its session.
  mutating func add(_ candidates: [ProcessStat]) {
    var waiting = candidates
    var isLast = false
    while !waiting.isEmpty {
      // A child can come before its parent in the list if the pids have gone round between them.
      let left = waiting.filter { !add($0, isLast: isLast) }
      if left.count == waiting.count, isLast { return }
      isLast = left.count == waiting.count
      waiting = left
    }
  }

  /// Adds a candidate if it belongs to the run.
  ///
  /// - Parameter isLast: no other candidate can become its parent any more.
  /// - Returns: false if that is not decided yet.
  private mutating func add(_ stat: ProcessStat, isLast: Bool) -> Bool {
    if places[stat.pid] != nil || isAttached && stat.pid == own { return true }
    var names: ProcFiles.Names?
    let isDescendant: Bool
    if stat.pid == root || group != nil || isTask(stat) {
      isDescendant = true
    } else if !isAttached, stat.parent == own, stat.pid != own {
      names = files.names(stat)
      guard let names else { return true }
      if isHelper(names.pid) { return true }
      isDescendant = true
    } else if let parent = places[stat.parent], all[parent].isDescendant {
      isDescendant = true
    } else if isLast, stat.session == session {
      // No process joins a session from outside, so in a session that the command leads it is a descendant.
      isDescendant = !sessionIsShared
    } else {
      return false
    }
    // Without names it has exited, or is in no namespace that a child of duct can be in.
    guard let names = names ?? files.names(stat) else { return true }
    let place = all.count
    all.append(RunProcess(stat, names, isDescendant: isDescendant))
    if hasTasks { all[place].task = places[stat.parent].flatMap { all[$0].task } ?? names.pid }
    places[stat.pid] = place
    if openFiles < mostOpenFiles, let file = files.openToKeep(.stat, stat.pid) {
      all[place].file = file
      openFiles += 1
    }
    read(place)
    // A process that is only in the session existed before the run, as do those that duct has not started. But a task
    // prolog has duct watch its step from the start.
    if isFirstSample, !isDescendant || isAttached && daemon == nil { all[place].account.dropTimeBeforeRun() }
    if isDescendant {
      // A command that ended before the first sample can have submitted nothing that a sample would see.
      if stat.pid != root || !stat.isZombie { changes.hasChanged = true }
      if stat.name == .sbatch { changes.hasNewSbatch = true }
    }
    return true
  }

  private mutating func noteSessions() {
    sessions.beginSample()
    for place in all.indices where !all[place].isGone && all[place].isDescendant {
      sessions.note(all[place].stat.session, name: all[place].names.session)
    }
    sessions.endSample()
  }

  // MARK: For reports

  mutating func forEachLiving(_ body: (inout RunProcess) -> Void) {
    for place in all.indices where !all[place].isGone { body(&all[place]) }
  }

  /// Forgets the processes that have gone. Call it after they were reported.
  mutating func forgetGone() {
    if goneCount == 0 { return }
    all.removeAll(where: \.isGone)
    goneCount = 0
    places.removeAll(keepingCapacity: true)
    for (place, process) in all.enumerated() { places[process.stat.pid] = place }
  }

  /// Nanoseconds of CPU time of the command and of the children it has waited for. 0 if it is not known.
  var timeOfRoot: Int64 { root.flatMap { places[$0] }.map { all[$0].account.kernelTotal } ?? 0 }

  /// /proc shows which processes belong to the run.
  var areKnown: Bool { root != nil || isAttached && own != nil }

  /// The number of processes that have left the command's session; nil if there is no such session, or if it is not
  /// known.
  var knownEscapes: Int? { areKnown && !isAttached ? escapedCount : nil }

  /// No process of the run is alive.
  var isEmpty: Bool { goneCount == all.count }

  /// In duct's own pid namespace.
  var livingPIDs: some Sequence<Int32> { all.lazy.filter { !$0.isGone }.map(\.pid) }

  /// The parent's pid in duct's own pid namespace; 0 if the parent does not exist there.
  func parent(of process: RunProcess) -> Int32 {
    let parent = process.stat.parent
    if files.numbers.view == .same { return parent }
    if parent == own { return files.numbers.pid }
    if let place = places[parent] { return all[place].pid }
    return files.stat(parent).flatMap { files.names($0) }?.pid ?? 0
  }

  mutating func closeAll() {
    for place in all.indices { close(place) }
  }
}
