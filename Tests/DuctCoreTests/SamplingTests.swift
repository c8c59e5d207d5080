import Glibc
import OrderedCollections
import RecordText
import SystemCalls
import TestSupport
import Testing

@testable import DuctCore

@Suite struct ProcessStatTests {
  /// As of Linux 6.1, from the state on.
  private let numbers =
    "S 10 11 12 34817 11 4194304 1 222 3 4 555 66 77 88 20 5 3 0 9999 8192000 321 18446744073709551615 1 1 7 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 8 9 1 0 0"

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
    #expect(stat.pid == 42 && stat.name.bytes == name)
    #expect(stat.state == UInt8(ascii: "S"))
    #expect(stat.parent == 10 && stat.processGroup == 11 && stat.session == 12 && stat.terminalGroup == 11)
    #expect(stat.childFaults == 222)
    #expect(stat.userTicks == 555 && stat.systemTicks == 66)
    #expect(stat.childUserTicks == 77 && stat.childSystemTicks == 88)
    #expect(stat.nice == 5 && stat.threads == 3)
    #expect(stat.startTicks == 9999 && stat.virtualBytes == 8_192_000 && stat.residentPages == 321)
    #expect(stat.psState.text == "SNl+")
  }

  @Test func anotherImageShows() throws {
    let line = Array("42 (x) \(numbers)\n".utf8)
    let image = try #require(parse(line)).image
    for (field, other) in [("1 7 0", "1 6 0"), ("3 8 9", "3 7 9"), ("8 9 1", "8 8 1")] {
      let text = "42 (x) " + numbers.replacing(field, with: other) + "\n"
      #expect(try #require(parse(Array(text.utf8))).image != image, "\(field)")
    }
    let later = "42 (x) " + numbers.replacing("555 66", with: "556 67") + "\n"
    #expect(try #require(parse(Array(later.utf8))).image == image)
  }

  @Test func cutLinesAreRefused() {
    let line = Array("42 (bash) \(numbers)\n".utf8)
    // Kernels before 3.3 end earlier; the 24th field is in all of them.
    let fields = line.split(separator: UInt8(ascii: " ")).prefix(24)
    let enough = fields.reduce(0) { $0 + $1.count + 1 } - 1
    for length in 0..<(enough - 3) { #expect(parse(Array(line[..<length])) == nil, "\(length)") }
    #expect(parse(Array(line[..<enough])) != nil)
  }

  @Test func randomBytesAreNoHarm() {
    for _ in 0..<3000 {
      let line = (0..<Int.random(in: 0...80)).map { _ in "0123456789 ()-RSZ\n".utf8.randomElement() ?? 0 }
      _ = parse(line)
    }
    let whole = Array("42 (bash) \(numbers)\n".utf8)
    for _ in 0..<3000 {
      var line = whole
      for _ in 0..<4 { line[Int.random(in: line.indices)] = UInt8.random(in: 0...255) }
      _ = parse(line)
    }
  }

  @Test func thisProcess() throws {
    let files = ProcFiles()
    let stat = try #require(files.stat(getpid()))
    #expect(stat.pid == getpid() && stat.parent == getppid() && stat.session == getsid(0))
    #expect(stat.residentPages > 0 && stat.image != 0)
    #expect(files.commandLine(stat.pid)?.contains("xctest") == true)
    #expect(files.stat(0x7FFF_FFF0) == nil)
  }

  @Test func aPartOfProcIsListedAsTheWholeOne() throws {
    let files = ProcFiles()
    let own = getpid()
    #expect(files.canSeek, "else every look reads all of /proc")
    var all: [Int32] = []
    files.forEachProcess { all.append($0.pid) }
    #expect(all.contains(own) && all == all.sorted() && files.pids() == all)
    for range in [1...own, own...own, own...Int32.max] {
      var part: [Int32] = []
      files.forEachProcess(in: range) { part.append($0.pid) }
      #expect(part.contains(own) && part.allSatisfy(range.contains))
    }
    #expect(try #require(files.lastPID()) > 0)
  }

  @Test func statesAreCountedWithoutEnd() {
    var states = ProcessStates()
    for letter in "RSDZTtXIPW".utf8 { for _ in 0..<3 { states.add(ProcessStates.Key(letter)) } }
    #expect(states.all.count == 8)
    #expect(states.all.reduce(0) { $0 + $1.count } == 30)
    #expect(states.all.first?.state == "R" && states.all.first?.count == 3)
  }

  @Test(arguments: [(5, "00:05"), (65, "01:05"), (3600, "01:00:00"), (90_061, "01-01:01:01")])
  func elapsed(_ seconds: Int, _ text: String) { #expect(elapsedText(seconds) == text) }
}

@Suite struct ProcessorAccountTests {
  private func read(_ account: inout ProcessorAccount, own: Int64, children: UInt64 = 0) {
    account.read(own: own * 1_000_000, childTicks: children, nanosecondsPerTick: 10_000_000)
  }

  @Test func whatAChildHadIsCountedOnce() {
    var account = ProcessorAccount()
    read(&account, own: 100)
    #expect(account.settle() == 100_000_000)
    // A child that was seen with 300 ms goes, and had used 20 ms more.
    read(&account, own: 110, children: 32)
    account.claim(300_000_000)
    #expect(account.settle() == 30_000_000)
    #expect(account.legacy == 430_000_000)
  }

  @Test func aChildThatWasNeverSeenIsNew() {
    var account = ProcessorAccount()
    read(&account, own: 0, children: 50)
    #expect(account.settle() == 500_000_000)
  }

  @Test func aClaimMayComeALookBeforeTheGain() {
    var account = ProcessorAccount()
    read(&account, own: 0)
    account.claim(300_000_000)
    #expect(account.settle() == 0)
    read(&account, own: 0, children: 31)
    #expect(account.settle() == 10_000_000)
  }

  @Test func aChildThatNobodyWaitsForBurdensNobody() {
    var account = ProcessorAccount()
    read(&account, own: 0)
    account.claim(5_000_000_000)
    #expect(account.settle() == 0)
    for look in 1...3 {
      read(&account, own: 0, children: UInt64(look) * 100)
      let new = account.settle()
      // Rounded ticks apart.
      if look > 2 { #expect(new >= 980_000_000) }
    }
  }

  @Test func aLookThatCouldNotReadItCountsNothing() {
    var account = ProcessorAccount()
    read(&account, own: 100)
    #expect(account.settle() == 100_000_000)
    #expect(account.settle() == 0)
    read(&account, own: 130)
    #expect(account.settle() == 30_000_000)
    #expect(account.legacy == 130_000_000)
  }

  @Test func timeNeverRunsBackwards() {
    var account = ProcessorAccount()
    read(&account, own: 100, children: 10)
    _ = account.settle()
    read(&account, own: 90, children: 9)
    #expect(account.settle() == 0)
  }
}

@Suite struct UsageTests {
  private func totals(_ pcpu: Double, _ rss: Int, pss: Int? = nil) -> UsageTotals {
    UsageTotals(pmem: 0.5, pcpu: pcpu, rss: rss, vsz: rss * 2, pss: pss)
  }

  @Test func peaksAreOfEach() {
    let peak = totals(10, 300, pss: 7).peak(totals(20, 100)).peak(totals(0, 0, pss: 9))
    #expect(peak == totals(20, 300, pss: 9).peak(totals(20, 300)))
  }

  @Test func processorTimeIsWeighedByTime() {
    var averages = UsageAverages()
    averages.add(totals(100, 100), seconds: 1)
    averages.add(totals(0, 300), seconds: 3)
    // Only a zombie is left.
    averages.add(totals(50, 0), seconds: 0)
    #expect(averages.pcpu == 25 && averages.rss == 200 && averages.sampleCount == 3)
  }
}

@Suite struct SamplerTests {
  private struct Seen: Sendable {
    var samples = 0
    var without = 0
    var reported = 0
    var hasEnded = false
  }

  @Test func aLookThatFindsNobodyIsNoSample() throws {
    let children = ChildProcesses(reaping: .byWaiters)
    let root = try children.start(
      Program(path: Array("/bin/sleep".utf8), arguments: ["sleep", "60"].map { Array($0.utf8) }))
    let seen = Monitor(Seen())
    let sampler = try Sampler(
      .init(
        root: root, session: root, sessionIsShared: false, start: .now, sampleInterval: 0.01,
        reportInterval: 0.02, redaction: Redaction(recorded: nil), environment: [:]),
      .init(
        sample: { sample, _ in seen.update { if sample == nil { $0.without += 1 } else { $0.samples += 1 } }
        },
        report: { report, _ in seen.update { $0.reported += report.sampleCount } },
        // The other children of this process are those of other tests.
        tree: { _ in }, isHelper: { $0 != root }, reaped: { 0 }, gpus: { [:] },
        ended: { seen.update { $0.hasEnded = true } }))
    #expect(seen.wait(until: .now + 60) { $0.samples > 5 ? true : nil } == true)
    children.end(root)
    #expect(seen.wait(until: .now + 60) { $0.without > 2 ? true : nil } == true)
    #expect(sampler.finish(until: .now + 60))
    #expect(seen.wait(until: .now + 60) { $0.hasEnded ? true : nil } == true)
    seen.withLock { #expect($0.reported == $0.samples) }
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
