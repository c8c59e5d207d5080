import DuctRecords
import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

@testable import ProcessSampling

/// What duct reports of kernels and hosts that the tests do not run on. See Trees/README.md.
@Suite struct RecordedTreeTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// The host of all trees: ticks of 10 ms, pages of 4096 bytes.
  static let host = HostConstants(
    ticksPerSecond: 100, pageSize: 4096, memoryBytes: 16 << 30, configuredCPUs: 4)

  /// One process after the first sample.
  private struct Line: Equatable {
    var pid: Int32
    var parent: Int32
    var session: Int32
    var command: String
    init(_ pid: Int32, _ parent: Int32, _ session: Int32, _ command: String) {
      (self.pid, self.parent, self.session, self.command) = (pid, parent, session, command)
    }
  }

  private struct Sampled {
    var files: ProcFiles
    var processes: RunProcesses

    var lines: [Line] {
      processes.all.sorted { $0.pid < $1.pid }.map {
        Line($0.pid, processes.parent(of: $0), $0.names.session, $0.commandLine)
      }
    }

    func details(_ pid: Int32) -> ProcessDetails {
      var details = ProcessDetails()
      details.read(files, pid, withShares: true)
      return details
    }
  }

  /// Takes one sample of a tree.
  ///
  /// - Parameters:
  ///   - own: duct's pid in its own namespace.
  ///   - root: the command's pid, likewise.
  private func sample(_ name: String, own: Int32, root: Int32) throws -> Sampled {
    let files = ProcFiles(root: try RecordedTree(name, in: sandbox).root, ownPID: own)
    var processes = RunProcesses(
      .command(pid: root, session: root, isShared: false), files: files, host: Self.host,
      isHelper: { _ in false })
    processes.sample(.now, reaped: 0)
    return Sampled(files: files, processes: processes)
  }

  private func counts(_ rchar: UInt64, _ wchar: UInt64, _ read: UInt64, _ written: UInt64)
    -> ProcessDetails.IOCounts
  {
    ProcessDetails.IOCounts(
      readCharacters: rchar, writtenCharacters: wchar, readBytes: read, writtenBytes: written)
  }

  @Test func linux618WithVersionOneGroups() throws {
    let tree = try sample("linux-6.18-cgroup-v1", own: 25977, root: 25998)
    #expect(tree.files.numbers.view == .same && tree.files.numbers.own == 25977)
    #expect(tree.files.lastPID() == 26272 && tree.files.lastPossiblePID() == 32768)
    #expect(tree.files.pids() == [25977, 25998, 25999, 26008])
    #expect(
      tree.lines == [
        Line(25998, 25977, 25998, "bash -c sleep 6001 & (setsid sleep 6002 &); wait"),
        Line(25999, 25998, 25998, "sleep 6001"), Line(26008, 25977, 26008, "sleep 6002"),
      ])
    #expect(tree.processes.escapedCount == 1 && tree.processes.processorTime == 0)
    let details = tree.details(25998)
    #expect(details.proportionalBytes == 334 << 10 && details.swapBytes == 0)
    #expect(details.peakResidentBytes == 3052 << 10 && details.io == counts(7808, 0, 0, 0))
    #expect(details.voluntarySwitches == 1 && details.involuntarySwitches == 2)
    let groups = ControlGroups(tree.files)
    let all = groups.read()
    #expect(all.map(\.level) == ["own"] && all.map(\.path) == ["/process_api/6f1c"] && all[0].version == 1)
    #expect(all[0].memoryPeak == 1_504_522_240 && all[0].memoryLimit == nil && all[0].oomKills == 0)
    #expect(all[0].cpuSeconds == nil, "cpuacct is at its root, where it counts the whole host")
    #expect(groups.memoryLimit == nil && groups.processorLimit == nil)
  }

  @Test func aPidNamespaceWithItsOwnProc() throws {
    let tree = try sample("linux-6.18-pid-namespace", own: 2, root: 6)
    #expect(tree.files.numbers.view == .same && tree.files.stat(2)?.session == 0)
    #expect(
      tree.lines == [
        Line(6, 2, 6, "bash -c sleep 6001 & (setsid sleep 6002 &); wait"), Line(12, 6, 6, "sleep 6001"),
        Line(14, 2, 14, "sleep 6002"),
      ])
    // Since Linux 6.14 each namespace has a pid_max of its own.
    #expect(tree.files.lastPID() == 28 && tree.files.lastPossiblePID() == 4_194_304)
  }

  /// Calls and records have the pids of duct's namespace, /proc has those of the host.
  @Test func aPidNamespaceWithTheHostsProc() throws {
    let tree = try sample("linux-6.18-outer-proc", own: 1, root: 4)
    #expect(tree.files.numbers.view == .outer(level: 1) && tree.files.numbers.own == 26512)
    #expect(tree.files.number(of: 12) == 26529 && tree.files.number(of: 99) == nil)
    #expect(tree.files.stat(own: 5)?.pid == 26522)
    #expect(
      tree.lines == [
        Line(4, 1, 4, "bash -c sleep 6001 & (setsid sleep 6002 &); wait"), Line(5, 4, 4, "sleep 6001"),
        Line(12, 1, 12, "sleep 6002"),
      ])
    #expect(tree.processes.all.map(\.identity.pid).sorted() == [26520, 26522, 26529])
  }

  /// Nobody is known if /proc does not show duct.
  @Test func aProcWithoutDuctIsNotRead() throws {
    let files = ProcFiles(root: try RecordedTree("linux-6.18-pid-namespace", in: sandbox).root, ownPID: 77)
    #expect(files.numbers.view == .foreign && files.pids() == [] && files.stat(6) == nil)
  }

  @Test func linux310InASlurmJob() throws {
    let tree = try sample("linux-3.10-slurm", own: 4210, root: 4215)
    #expect(
      tree.lines == [
        Line(4215, 4210, 4215, "bash run.sh"), Line(4220, 4215, 4215, "python train.py --epochs 3"),
      ])
    // 7 ticks of bash, 175 of children it had waited for, and 7540 of python.
    #expect(tree.processes.processorTime == 77_220_000_000 && tree.processes.timeOfRoot == 1_820_000_000)
    let details = tree.details(4220)
    #expect(details.proportionalBytes == nil && details.swapBytes == 1536 << 10)
    #expect(details.peakResidentBytes == 600_000 << 10)
    #expect(details.io == counts(52_428_800, 1_048_576, 41_943_040, 524_288))
    var (reading, processes) = (DetailReading(start: .now), tree.processes)
    let sums = try #require(
      reading.read(&processes, tree.files, now: .now, resident: 1, isDue: true, isLast: false))
    #expect(sums.proportional == nil && sums.swap == 1536 << 10, "status has it, without smaps_rollup")
    #expect(sums.largestPeakResident == 600_000 << 10)
    #expect(sums.io == counts(52_437_800, 1_049_276, 42_991_616, 532_480))
    let stat = try #require(tree.files.stat(4220))
    #expect(stat.threads == 4 && stat.residentPages == 131_072 && stat.startTicks == 500_200)
    let groups = ControlGroups(tree.files)
    let all = groups.read()
    #expect(all.map(\.level) == ["job", "step", "task"] && all.allSatisfy { $0.version == 1 })
    #expect(all[0].path == "/slurm/uid_1000/job_1203")
    #expect(all.map(\.memoryLimit) == [4 << 30, 4 << 30, nil] && all.map(\.oomKills) == [nil, nil, nil])
    #expect(all.map(\.memoryPeak) == [1_610_612_736, 1_610_612_736, 1_600_000_000])
    #expect(all.map(\.cpuSeconds) == [81.25, 80.5, 80])
    #expect(groups.memoryLimit == 4 << 30 && groups.processorLimit == nil)
  }

  /// Without jobacct_gather/cgroup, Slurm leaves the job at the root of cpuacct, which counts the whole host.
  @Test func aHierarchyThatSlurmDoesNotUseCountsNothing() throws {
    let tree = try RecordedTree("linux-3.10-slurm", in: sandbox)
    let membership = try tree.text("proc/self/cgroup")
    func seconds(_ path: String) throws -> [Double?] {
      let job = "cpuacct,cpu:/slurm/uid_1000/job_1203/step_batch/task_0"
      try tree.write(membership.replacing(job, with: "cpuacct,cpu:\(path)"), to: "proc/self/cgroup")
      return ControlGroups(ProcFiles(root: tree.root, ownPID: 4210)).read().map(\.cpuSeconds)
    }
    #expect(try seconds("/") == [nil, nil, nil])
    #expect(try seconds("/slurm/uid_1000/job_1203/step_batch") == [81.25, 80.5, nil])
  }

  @Test func aShortStatLine() throws {
    let tree = try sample("linux-2.6.32", own: 300, root: 310)
    #expect(tree.lines == [Line(310, 300, 310, "sh")])
    #expect(tree.processes.processorTime == 110_000_000)
    #expect(tree.files.stat(310)?.image == 140_722_671_550_912, "of the stack alone")
    #expect(ControlGroups(tree.files).read().isEmpty)
  }

  /// The first child of slurmstepd ends and another begins while duct looks for its control groups.
  @Test func aTaskThatEndsWhileItIsLookedFor() throws {
    let tree = try RecordedTree("linux-5.14-slurm", in: sandbox)
    let task = try tree.text("proc/90100/stat")
    let daemon = task.replacing("90100 (duct) S 90090 90090", with: "90090 (slurmstepd) S 1 90090")
    try tree.write(daemon, to: "proc/90090/stat")
    try tree.write("slurmstepd: [88.0]\0", to: "proc/90090/cmdline")
    try tree.write(tree.text("proc/self/cgroup"), to: "proc/90100/cgroup")
    let gone = tree.root.appending("gone")
    let stat = tree.root.appending("proc/90100/stat")
    let isOver = Monitor(false)
    let coming = try OwnThread("task") {
      while !isOver.withLock({ $0 }) {
        for (from, to) in [(stat, gone), (gone, stat)] {
          _ = from.withPlatformString { from in to.withPlatformString { rename(from, $0) } }
        }
      }
    }
    let files = ProcFiles(root: tree.root, ownPID: 90100)
    let step = StepName(job: 88, step: "0")
    #expect(step.daemons(files) == [90090])
    for _ in 0..<200 { _ = ControlGroups(files, of: .job(step)) }
    isOver.update { $0 = true }
    coming.join()
    #expect(ControlGroups(files, of: .job(step)).read().map(\.level) == ["job", "step", "task"])
  }

  @Test func linux514InASlurmStep() throws {
    let tree = try sample("linux-5.14-slurm", own: 90100, root: 90110)
    #expect(
      tree.lines == [
        Line(90110, 90100, 90110, "./sim"), Line(90120, 90110, 90110, "[zombie] <defunct>"),
      ])
    #expect(tree.processes.processorTime == 10_230_000_000)
    let details = tree.details(90110)
    #expect(details.proportionalBytes == 100_000 << 10 && details.swapBytes == 2000 << 10)
    let zombie = tree.details(90120)
    #expect(zombie.peakResidentBytes == nil && zombie.proportionalBytes == nil && zombie.swapBytes == nil)
    let groups = ControlGroups(tree.files)
    let all = groups.read()
    #expect(all.map(\.level) == ["job", "step", "task"] && all.allSatisfy { $0.version == 2 })
    #expect(all[2].path == "/system.slice/slurmstepd.scope/job_88/step_0/user/task_1")
    #expect(all.map(\.memoryLimit) == [4 << 30, nil, nil] && all.map(\.memoryPeak) == [nil, nil, nil])
    #expect(all.map(\.cpuSeconds) == [12.345678, 12, 10.5] && all.map(\.oomKills) == [2, 2, 1])
    #expect(all.map(\.throttledSeconds) == [0, 0, 0.25] && all.map(\.cpuLimit) == [nil, nil, 4])
    #expect(groups.memoryLimit == 4 << 30 && groups.processorLimit == 4)
  }

  @Test func namesMayHoldAnyByte() throws {
    let tree = try sample("odd-names", own: 10, root: 20)
    let invalid = String(escaping: [0xFF, 0xFE])
    #expect(
      tree.lines == [
        Line(20, 10, 20, "sh -c echo a\\b\n= c"), Line(30, 20, 20, "[x\n= y) Z]"),
        Line(40, 20, 20, "[\(invalid) \\n]"), Line(50, 20, 20, "[) (] <defunct>"),
      ])
    #expect(tree.files.stat(20)?.name == ProcessName(Array("a) S 1 (b".utf8)))
    #expect([20, 30, 40, 50].map { tree.files.stat($0)?.psState.text } == ["Ss", "S", "S", "Z"])
  }

  /// A second sample finds what is new, and reads what has changed.
  @Test func processesComeAndGo() throws {
    let tree = try RecordedTree("linux-3.10-slurm", in: sandbox)
    var sampled = try sample("linux-3.10-slurm", own: 4210, root: 4215)
    // python has used 0.6 s more and exits. A new process gets the next pid.
    try tree.removeProcess(4220)
    let bash = try tree.text("proc/4215/stat")
    try tree.write(bash.replacing(" 3 4 150 25 ", with: " 3 4 7420 355 "), to: "proc/4215/stat")
    try tree.write(
      bash.replacing("4215 (bash) S 4210", with: "4240 (sbatch) R 4215").replacing(
        " 3 4 150 25 ", with: " 2 0 0 0 "), to: "proc/4240/stat")
    try tree.write("0.12 0.30 0.25 3/412 4240\n", to: "proc/loadavg")
    sampled.processes.sample(.now, reaped: 0)
    #expect(sampled.processes.changes.hasChanged && sampled.processes.changes.hasNewSbatch)
    #expect(sampled.processes.all.filter { !$0.isGone }.map(\.pid).sorted() == [4215, 4240])
    #expect(sampled.processes.interval == 620_000_000)
    #expect(sampled.processes.processorTime == 77_840_000_000)
  }
}
