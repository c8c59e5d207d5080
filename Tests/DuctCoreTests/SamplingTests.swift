import Glibc
import OrderedCollections
import RecordText
import SystemCalls
import TestSupport
import Testing

@testable import DuctCore

@Suite struct ProcessStatTests {
  private let numbers =
    "S 10 11 12 34817 11 4194304 1 222 3 4 555 66 7 8 20 5 3 0 9999 8192000 321 18446744073709551615 1 1 0"

  private func parse(_ line: [UInt8]) -> ProcessStat? { line.withUnsafeBytes { ProcessStat($0) } }

  @Test(
    "A name may hold any bytes",
    arguments: [
      Array("bash".utf8), Array("a b".utf8), Array("(sd-pam)".utf8), Array("x) R 1 2 3".utf8),
      Array("new\nline".utf8), [],
      [0xFF, 0x29, 0x20], Array(") S 1 (".utf8),
    ] as [[UInt8]])
  func names(_ name: [UInt8]) throws {
    let stat = try #require(parse(Array("42 (".utf8) + name + Array(") \(numbers)\n".utf8)))
    #expect(stat.pid == 42 && stat.name == name)
    #expect(stat.state == UInt8(ascii: "S"))
    #expect(stat.parent == 10 && stat.processGroup == 11 && stat.session == 12 && stat.terminalGroup == 11)
    #expect(stat.childFaults == 222)
    #expect(stat.userTicks == 555 && stat.systemTicks == 66)
    #expect(stat.nice == 5 && stat.threads == 3)
    #expect(stat.startTicks == 9999 && stat.virtualBytes == 8_192_000 && stat.residentPages == 321)
    #expect(stat.psState == "SNl+")
  }

  @Test func cutLinesAreRefused() {
    let line = Array("42 (bash) \(numbers)\n".utf8)
    // The last field that is read is the 24th.
    let enough = line.count - " 18446744073709551615 1 1 0\n".utf8.count
    for length in 0..<(enough - 3) { #expect(parse(Array(line[..<length])) == nil, "\(length)") }
    #expect(parse(Array(line[..<enough])) != nil)
  }

  @Test func randomBytesAreNoHarm() {
    for _ in 0..<3000 {
      let line = (0..<Int.random(in: 0...80)).map { _ in "0123456789 ()-RSZ\n".utf8.randomElement() ?? 0 }
      _ = parse(line)
    }
  }

  @Test func thisProcess() throws {
    let files = ProcFiles()
    let stat = try #require(files.stat(getpid()))
    #expect(stat.pid == getpid() && stat.parent == getppid() && stat.session == getsid(0))
    #expect(stat.residentPages > 0)
    #expect(files.pids().contains(getpid()))
    #expect(files.commandLine(stat).contains("xctest"))
    #expect(files.stat(0x7FFF_FFF0) == nil)
  }

  @Test(arguments: [(5, "00:05"), (65, "01:05"), (3600, "01:00:00"), (90_061, "01-01:01:01")])
  func elapsed(_ seconds: Int, _ text: String) { #expect(elapsedText(seconds) == text) }
}

@Suite struct UsageTests {
  private func usage(_ pcpu: Double, _ rss: Int, _ state: String, _ cmd: String, at timestamp: String)
    -> ProcessUsage
  {
    ProcessUsage(
      pcpu: pcpu, pmem: 0.5, rss: rss, vsz: rss * 2, timestamp: timestamp, etime: "00:0\(timestamp.count)",
      stat: OrderedFields([state: 1]), cmd: cmd)
  }

  @Test func aReportHoldsPeaksAndMeans() {
    let first = UsageSample(timestamp: "t1", processes: [7: usage(10, 100, "S", "[sh]", at: "t1")])
    let second = UsageSample(
      timestamp: "t22",
      processes: [7: usage(5, 300, "R", "sh x", at: "t22"), 8: usage(1, 50, "S", "sleep", at: "t22")])
    var report = UsageReport(first)
    report.add(second)
    #expect(report.sampleCount == 2)
    #expect(report.timestamp == "t22")
    let process = report.processes["7"]
    #expect(process?.pcpu == 10 && process?.rss == 300)
    #expect(process?.cmd == "sh x", "the kernel's abbreviation gives way to the command line")
    #expect(process?.stat.members == ["S": 1, "R": 1])
    #expect(process?.etime == "00:03")
    #expect(report.processes["8"]?.stat.members == ["S": 1])
    #expect(report.totals.rss == 350 && report.totals.pcpu == 10)
    #expect(report.averages.rss == 225 && report.averages.pcpu == 8)
  }

  @Test func membersOfALineAreConDucts() throws {
    let report = UsageReport(UsageSample(timestamp: "t", processes: [7: usage(10, 100, "S", "sh", at: "t")]))
    let line = String(decoding: try RecordEncoder().line(report), as: UTF8.self)
    #expect(
      line
        == #"{"timestamp": "t", "num_samples": 1, "processes": {"7": {"pcpu": 10.0, "pmem": 0.5, "rss": 100, "vsz": 200, "timestamp": "t", "etime": "00:01", "stat": {"S": 1}, "cmd": "sh"}}, "totals": {"pmem": 0.5, "pcpu": 10.0, "rss": 100, "vsz": 200}, "averages": {"rss": 100.0, "vsz": 200.0, "pmem": 0.5, "pcpu": 10.0, "num_samples": 1}}"#
        + "\n")
  }
}

@Suite struct ProcessTreeTests {
  private func stat(_ pid: Int32, parent: Int32, name: String = "x", start: Int = 9) throws -> ProcessStat {
    let line = "\(pid) (\(name)) S \(parent) 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 \(start) 0 0"
    return try #require(Array(line.utf8).withUnsafeBytes { ProcessStat($0) })
  }

  @Test func aChainOfParentsMayBeOfAnyLength() throws {
    // More than a stack could hold; the pids are none of real processes.
    let (root, last): (Int32, Int32) = (5_000_000, 5_100_000)
    var stats: [Int32: ProcessStat] = [:]
    for pid in root...last { stats[pid] = try stat(pid, parent: pid - 1) }
    let deepest = try #require(stats[last])
    let below = Monitor<[Bool]?>(nil)
    _ = try OwnThread("chain", stackSize: 64 << 10) { [stats] in
      let answers = [root, 99_999_999].map { root in
        var memo: [Int32: Bool] = [:]
        let tree = ProcessTree(root: root, session: root, sessionIsShared: false)
        let answer = tree.isDescendant(deepest, stats, &memo)
        return answer && memo.count == stats.count && memo.values.allSatisfy { $0 }
      }
      below.update { $0 = answers }
    }
    #expect(below.wait(until: .now + 60) { $0 } == [true, false])
  }

  @Test func pidsThatFormARingEnd() throws {
    let stats: [Int32: ProcessStat] = try [
      5: stat(5, parent: 6), 6: stat(6, parent: 7), 7: stat(7, parent: 5),
    ]
    let tree = ProcessTree(root: 1000, session: 1000, sessionIsShared: false)
    var memo: [Int32: Bool] = [:]
    #expect(!tree.isDescendant(try #require(stats[5]), stats, &memo))
    #expect(memo == [5: false, 6: false, 7: false])
  }

  @Test func anSbatchIsNewOnce() throws {
    var tree = ProcessTree(root: 1, session: 1, sessionIsShared: false)
    func look(_ processes: (pid: Int32, start: Int, isDescendant: Bool)...) throws -> Bool {
      let members = try processes.map { process in
        let stat = try stat(process.pid, parent: 1, name: "sbatch", start: process.start)
        return ProcessTree.Member(stat: stat, isDescendant: process.isDescendant)
      }
      return tree.hasNewSbatch(members)
    }
    #expect(try !look())
    #expect(try look((7, 10, true)))
    // sbatch --wait stays for as long as its job.
    #expect(try !look((7, 10, true)))
    #expect(try look((7, 10, true), (8, 20, true)))
    #expect(try !look((8, 20, true)))
    #expect(try !look((8, 20, true), (9, 20, false)))
    // The pid is used again.
    #expect(try look((8, 30, true)))
  }
}

@Suite struct PollScheduleTests {
  private let now = MonotonicInstant.now

  private func seconds(_ schedule: PollSchedule) -> Double? {
    schedule.next.map { ($0.seconds(since: now) * 1000).rounded() / 1000 }
  }

  @Test func nothingHappensUntilSomethingDoes() {
    var schedule = PollSchedule()
    #expect(schedule.next == nil)
    schedule.noteActivity(now)
    #expect(seconds(schedule) == 2)
    schedule.noteActivity(now + 1)
    #expect(seconds(schedule) == 2)
  }

  @Test func aSubmissionIsLookedAtSoonAndABurstOnce() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    #expect(seconds(schedule) == 0.5)
    for step in 1...20 { schedule.noteSubmission(now + Double(step) * 0.01) }
    #expect(seconds(schedule) == 0.5)
    schedule.noteStart(now + 0.5)
    schedule.notePoll(now + 0.5, isAnswered: true, hasChanged: true, expectsMore: true)
    #expect(seconds(schedule) == 5.5)
    schedule.noteSubmission(now + 0.6)
    #expect(seconds(schedule) == 2.5, "not again within two seconds")
  }

  @Test func pausesGrowToAMinuteWhileNothingChanges() {
    var schedule = PollSchedule()
    var time = now
    var pauses: [Double] = []
    for _ in 0..<8 {
      schedule.noteStart(time)
      schedule.notePoll(time, isAnswered: true, hasChanged: false, expectsMore: true)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
    }
    #expect(pauses == [4, 8, 16, 32, 60, 60, 60, 60])
    schedule.noteStart(time)
    schedule.notePoll(time, isAnswered: true, hasChanged: true, expectsMore: true)
    #expect(schedule.next?.seconds(since: time).rounded() == 5)
    schedule.noteStart(time)
    schedule.notePoll(time, isAnswered: true, hasChanged: true, expectsMore: false)
    #expect(schedule.next == nil)
  }
}

extension PollScheduleTests {
  @Test func whatIsSeenDuringAQuestionIsAskedForAfterwards() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    schedule.noteStart(now + 0.5)
    #expect(schedule.next == nil)
    schedule.noteSubmission(now + 0.6)
    schedule.notePoll(now + 0.7, isAnswered: true, hasChanged: true, expectsMore: true)
    #expect(seconds(schedule) == 2.5, "sooner than the five seconds after a change")
    schedule.noteStart(now + 2.5)
    schedule.noteActivity(now + 2.6)
    schedule.notePoll(now + 2.7, isAnswered: true, hasChanged: false, expectsMore: false)
    #expect(seconds(schedule) == 7.6)
    schedule.noteStart(now + 7.6)
    schedule.notePoll(now + 7.7, isAnswered: true, hasChanged: false, expectsMore: false)
    #expect(schedule.next == nil)
  }

  @Test func aQuestionThatIsNotAnsweredIsAskedAgainLaterAndLater() {
    var schedule = PollSchedule()
    var time = now
    var pauses: [Double] = []
    for _ in 0..<7 {
      schedule.noteStart(time)
      schedule.noteSubmission(time)
      schedule.noteActivity(time)
      schedule.notePoll(time, isAnswered: false, hasChanged: false, expectsMore: false)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
      if pauses.count == 1 { continue }
    }
    #expect(pauses == [4, 4, 4, 4, 4, 4, 4], "each submission is a reason to ask soon, but not at once")
    pauses = []
    for _ in 0..<6 {
      schedule.noteStart(time)
      schedule.notePoll(time, isAnswered: false, hasChanged: false, expectsMore: false)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
    }
    #expect(pauses == [8, 16, 32, 60, 60, 60])
  }

  @Test func whoWaitsForJobsAsksAtOnceAlsoDuringAQuestion() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    schedule.noteStart(now + 0.5)
    schedule.hurry(now + 1, longestPause: 15)
    schedule.notePoll(now + 2, isAnswered: true, hasChanged: false, expectsMore: false)
    #expect(seconds(schedule) == 1)
  }
}

@Suite struct SessionOwnersTests {
  /// A child that waits to be killed.
  private func child(startsSession: Bool) throws -> pid_t {
    var program = Program(path: Array("sleep".utf8), arguments: ["sleep", "600"].map { Array($0.utf8) })
    program.searchesPath = true
    program.startsSession = startsSession
    return try program.start()
  }

  private func end(_ pid: pid_t) {
    kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
  }

  /// A leader of a session that is no descendant of this process: its parent has left it to whoever adopts
  /// orphans here. The sandbox ends it.
  private func foreignLeader(in sandbox: Sandbox) async throws -> pid_t {
    let started = try await run(
      "sh", ["-c", "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!"], in: sandbox)
    let pid = try #require(pid_t(started.stdout.dropLast()), "\(started)")
    try await eventually { getsid(pid) == pid }
    return pid
  }

  @Test func onlyALeaderThatWasThereAtTheTimeOwnsASession() async throws {
    let (leader, other) = (try child(startsSession: true), try child(startsSession: false))
    defer { for pid in [leader, other] { end(pid) } }
    let sandbox = try Sandbox()
    let foreign = try await foreignLeader(in: sandbox)
    defer { sandbox.killProcesses() }
    let now = WallTime.now.seconds
    let owners = SessionOwners(root: leader)
    #expect(owners.owner(of: UInt32(leader), submit: now) == .command)
    // duct's other children are the command's orphans.
    #expect(SessionOwners(root: 1).owner(of: UInt32(leader), submit: now) == .command)
    // The pid was another's when the job was submitted.
    #expect(owners.owner(of: UInt32(leader), submit: now - 60) == .gone)
    // A pid that leads no session is not the one that the job was submitted from.
    #expect(owners.owner(of: UInt32(other), submit: now) == .gone)
    #expect(owners.owner(of: UInt32(foreign), submit: now) == .other)
    #expect(owners.owner(of: .max, submit: now) == .gone)
  }
}

@Suite struct HostDescriptionTests {
  @Test func osRelease() {
    let values = OSRelease.parse("# c\nNAME=\"My \\\"OS\\\"\"\nID=my\nVERSION='1 2'\n\nBROKEN\n")
    #expect(values["NAME"] == "My \"OS\"")
    #expect(values["ID"] == "my" && values["VERSION"] == "1 2")
    #expect(values["PRETTY_NAME"] == "Linux")
  }

  @Test func gpusOfNvidiaSmi() {
    let output =
      "index, name, pci.bus_id, driver_version, memory.total [MiB], compute_mode\n0, NVIDIA H100, 00:1.0, 550.1, 81559 MiB, Default\n"
    let gpus = GPUInfo.parse(output)
    #expect(gpus?.count == 1)
    #expect(gpus?[0].name == "NVIDIA H100" && gpus?[0].memoryTotal == "81559 MiB")
    #expect(GPUInfo.parse("header\nbroken\n") == nil)
  }

  @Test func runIdsTellTheirStartAndAreFitForAWckey() {
    let start = WallTime(seconds: 1_790_000_000)
    let id = RunID.make(start)
    #expect(RunID.startTime(of: id) == 1_790_000_000)
    #expect(id.allSatisfy { $0.isASCII && ($0.isNumber || $0.isLowercase || $0 == "-") })
    #expect(RunID.make(start) != id)
    for other in ["", "x", "20261324t000000-1", "2026-1", "20260101t99", "20260132t000000-ab"] {
      #expect(RunID.startTime(of: other) == nil, "\(other)")
    }
  }
}
