import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnSlurm {
  /// duct-slurm itself: its answers agree with what Slurm's own programs print.
  @Suite struct HelperTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func ask(_ request: SlurmRequest) async throws -> SlurmAnswer {
      let line = String(decoding: SlurmQuestion(request).jsonLine, as: UTF8.self)
      let result = try await run(
        Programs.slurmHelper, [], in: fixture.sandbox, environment: fixture.testbed.environment, input: line)
      #expect(result.code == 0, "\(result.stderr)")
      #expect(result.stdout.split(separator: "\n").count == 1)
      return try SlurmAnswer(json: result.stdoutBytes)
    }

    private func submit(_ arguments: String...) async throws -> UInt32 {
      let result = try await run(
        "sbatch", ["--parsable"] + arguments, in: fixture.sandbox, environment: fixture.testbed.environment)
      return try #require(UInt32(result.stdout.trimmed))
    }

    @Test func configurationAndPing() async throws {
      let configuration = try #require(try await ask(.configuration).configuration)
      #expect(configuration.clusterName == "testbed")
      #expect(
        configuration.controllerVersion
          == (try await fixture.tool("sbatch", "--version")).split(whereSeparator: \.isWhitespace).last.map(
            String.init))
      #expect(configuration.libraryVersion == configuration.controllerVersion)
      #expect(
        configuration.tracksWckeys == false && configuration.minJobAge == 300 && configuration.controllerIsUp)
      #expect(try await ask(.ping).configuration?.controllerIsUp == true)
    }

    @Test func jobsOfAUserAndById() async throws {
      let id = try await submit("-J asked", "-t", "3", "-H", "--comment", "x", "--wrap", "true")
      let answer = try await ask(.jobsOfUser(uid: getuid()))
      let job = try #require(answer.jobs.first { $0.record.jobID == id })
      #expect(job.uid == getuid())
      #expect(job.allocSID != nil)
      let names = try await ask(.hostNames).hostNames
      #expect(names.contains { $0 == job.allocNode } || job.allocNode == "localhost")
      #expect(answer.hostNames == [], "the name service may be slow")
      #expect(abs((answer.controllerTime ?? 0) - time(nil)) < 5)
      let fields = try await fixture.tool("squeue", "-h", "-j", "\(id)", "-o", "%i|%P|%u|%T|%r|%l|%C|%D|%Z")
      let expected = [
        "\(id)", job.record.partition, job.record.user, job.record.state.rawValue, job.record.stateReason,
        "3:00",
        job.record.cpus.map(String.init), job.record.nodeCount.map(String.init), job.record.workingDir,
      ]
      #expect(fields.trimmed.split(separator: "|").map(String.init) == expected.map { $0 ?? "?" })
      let byID = try await ask(.jobs(ids: [id]))
      #expect(byID.jobs.map(\.record) == [job.record])
      let other = try await submit("-J other", "-H", "--array=1-3", "--wrap", "true")
      let both = try await ask(.jobs(ids: [id, other, 4_000_000]))
      #expect(
        both.jobs.flatMap(\.unfolded).map(\.displayID).sorted()
          == ["\(id)", "\(other)_1", "\(other)_2", "\(other)_3"].sorted())
      #expect(try await ask(.jobs(ids: [4_000_000])).jobs == [])
      #expect(try await ask(.jobsOfUser(uid: 54321)).jobs == [])
      _ = try await fixture.tool("scancel", "\(id)", "\(other)")
    }

    @Test func accounting() async throws {
      let begin = time(nil)
      let id = try await submit(
        "-J counted", "-n", "2", "--wckey", "duct-accounting-test", "--wrap", "sleep 1; srun sleep 1; exit 6")
      // slurmctld reports the start of jobs to slurmdbd every five seconds, and their end immediately.
      try await eventually(30) {
        try await fixture.tool("sacct", "-nPX", "-j", "\(id)", "-o", "state,partition").trimmed
          == "FAILED|debug"
      }
      for request in [
        SlurmRequest.accountingJobs(ids: [id], cluster: nil), .accountingJobs(ids: [id], cluster: "testbed"),
        .accountingOfUser(uid: getuid(), since: begin - 5, tags: ["duct-accounting-test", "duct-nobody"]),
      ] {
        let answer = try await ask(request)
        let record = try #require(answer.jobs.first?.record)
        #expect(answer.jobs.count == 1 && answer.jobs[0].wckey == "duct-accounting-test")
        #expect(record.jobID == id && record.state == .failed && record.exitCode == 6 && record.restarts == 0)
        #expect(record.cpuSeconds.map { $0 > 0 } == true && record.maxRSSBytes.map { $0 > 0 } == true)
        let sacct = try await fixture.tool(
          "sacct", "-nPX", "-j", "\(id)", "-o", "elapsedraw,partition,qos,reqcpus,nodelist,submitline,workdir"
        )
        let expected = [
          record.elapsedSeconds.map(String.init), record.partition, record.qos, record.cpus.map(String.init),
          record.nodeList,
          record.submitLine, record.workingDir,
        ]
        #expect(sacct.trimmed.split(separator: "|").map(String.init) == expected.map { $0 ?? "?" })
      }
      let all = try await ask(.accountingOfUser(uid: getuid(), since: begin - 5, tags: []))
      #expect(all.jobs.contains { $0.record.jobID == id })
      #expect(
        try await ask(.accountingOfUser(uid: getuid(), since: begin - 5, tags: ["duct-nobody"])).jobs == [])
      #expect(try await ask(.accountingJobs(ids: [id], cluster: "elsewhere")).jobs == [])
      #expect(try await ask(.accountingJobs(ids: [id], cluster: nil, uid: getuid())).jobs.count == 1)
      #expect(
        try await ask(.accountingJobs(ids: [id], cluster: nil, uid: 54321)).jobs == [], "of another user")
      #expect(try await ask(.accountingJobs(ids: [], cluster: nil)).jobs == [], "no id is not all jobs")
    }

    /// The elapsed time of a job that was suspended and resumed equals squeue's.
    @Test func theTimeThatAResumedJobHasRun() async throws {
      let id = try await submit("-J resumed", "-t", "5", "--wrap", "sleep 100")
      func record() async throws -> JobRecord? { try await ask(.jobs(ids: [id])).jobs.first?.record }
      try await eventually(30) { try await record()?.state == .running }
      _ = try await fixture.tool("scontrol", "suspend", "\(id)")
      try await eventually(30) { try await record()?.state == .suspended }
      _ = try await fixture.tool("scontrol", "resume", "\(id)")
      try await eventually(30) { try await record()?.state == .running }
      let elapsed = try #require(try await record()?.elapsedSeconds)
      #expect(elapsed < 100, "its end_time is its limit, 300 s from its start")
      // squeue prints minutes and seconds.
      let shown = try await fixture.tool("squeue", "-h", "-j", "\(id)", "-o", "%M").trimmed
      let parts = shown.split(separator: ":").compactMap { Int($0) }
      #expect(parts.count == 2 && abs(parts[0] * 60 + parts[1] - elapsed) <= 2, "\(shown), \(elapsed)")
      _ = try await fixture.tool("scancel", "\(id)")
    }

    @Test func accountingOfAJobThatNeverCouldStart() async throws {
      let begin = time(nil)
      let failing = try await submit("--wrap", "exit 1")
      let never = try await submit("-d", "afterok:\(failing)", "--wckey", "duct-never-test", "--wrap", "true")
      _ = try await fixture.tool("scancel", "\(never)")
      try await eventually(30) {
        let answer = try await ask(
          .accountingOfUser(uid: getuid(), since: begin - 5, tags: ["duct-never-test"]))
        return answer.jobs.map(\.record.state) == [.cancelled]
      }
    }

    @Test func errorsAreAnswersToo() async throws {
      try await fixture.testbed.control("stop", "slurmdbd", in: fixture.sandbox)
      let failure = try await ask(.accountingJobs(ids: [1], cluster: nil)).failure
      try await fixture.testbed.restore(in: fixture.sandbox)
      #expect(failure?.kind == .slurm)
      #expect(failure?.message.hasPrefix("slurmdb_") == true)
      #expect(failure?.code != nil)
    }

    /// Starts the helper with a question that libslurm takes a minute to answer. Returns its pid and our end of
    /// the socket that is its standard input.
    private func hangingHelper(_ children: ChildProcesses, limit: Double) throws -> (pid_t, FileDescriptor) {
      let (own, other) = try FileDescriptor.closeOnExecSocketPair()
      defer { other.closeQuietly() }
      let path = Array(Programs.slurmHelper.utf8)
      var program = Program(path: path, arguments: [path])
      program.descriptors = [.duplicate(of: other)]
      program.environment = [Array("SLURM_CONF=\(fixture.sandbox["no-such.conf"].string)".utf8)]
      // The limit must hold even if the helper inherits blocked signals.
      program.signalMask = SignalSet([SIGALRM, SIGTERM])
      let pid = try children.start(program)
      try own.writeAll(SlurmQuestion(.ping, limit: limit).jsonLine)
      return (pid, own)
    }

    /// The helper exits when the process that asked it closes its end.
    @Test func theHelperEndsWithWhoeverAskedIt() throws {
      let children = ChildProcesses(reaping: .byWaiters)
      let (pid, end) = try hangingHelper(children, limit: 600)
      #expect(children.wait(for: pid, until: .now + 0.5) == nil, "it hangs")
      // The kernel closes this end when duct is killed.
      end.closeQuietly()
      let exit = children.wait(for: pid, until: .now + 10)
      #expect(exit?.cause == .exited(1))
      if exit == nil { kill(pid, SIGKILL) }
    }

    @Test func theHelperKeepsALimitOfItsOwn() throws {
      let children = ChildProcesses(reaping: .byWaiters)
      let (pid, end) = try hangingHelper(children, limit: 0.1)
      defer { end.closeQuietly() }
      let exit = children.wait(for: pid, until: .now + 20)
      #expect(exit?.cause == .exited(1))
      if exit == nil { kill(pid, SIGKILL) }
    }

    @Test(arguments: ["", "rubbish\n", "{\"query\": \"drop\"}\n", "[]\n"])
    func whatIsNoRequestIsRefused(_ input: String) async throws {
      let result = try await run(
        Programs.slurmHelper, [], in: fixture.sandbox, environment: fixture.testbed.environment, input: input)
      #expect(result.code == 2)
      #expect(result.stdout == "")
      #expect(result.stderr.hasPrefix("duct-slurm: "))
    }
  }
}
