import RecordText
import SystemCalls
import TestSupport
import Testing

@testable import SlurmJobs
@testable import SlurmClient

/// Slurm's commands when they misbehave in every way that a program can, and the numbers in their output. SlurmTests
/// shows that the real commands answer.
@Suite struct SlurmCommandsTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func ask(_ script: String?, limit: Double = 20) throws -> Result<SlurmAnswer, SlurmFailure> {
    if let script { try sandbox.write("#!/bin/bash\n" + script, to: "squeue", executable: true) }
    let commands = SlurmCommands(
      environment: [Array("PATH=/no/such:\(sandbox.path.string)".utf8)],
      children: ChildProcesses(reaping: .byWaiters))
    return Result { () throws(SlurmFailure) in try commands.ask(.jobsOfUser(uid: 7), limit: limit) }
  }

  private func failure(_ result: Result<SlurmAnswer, SlurmFailure>) -> SlurmFailure? {
    if case .failure(let failure) = result { failure } else { nil }
  }

  @Test func noJobs() throws {
    let answer = try ask("exit 0").get()
    #expect(answer.jobs == [] && answer.askedBy == .commands)
  }

  @Test func absent() throws {
    let failure = failure(try ask(nil))
    #expect(failure?.kind == .noCommand && failure?.message == "there is no squeue in PATH")
  }

  /// The message of a failure is what the command printed.
  @Test func itsOwnWordIsTheMessage() throws {
    let down = failure(
      try ask("echo slurm_load_jobs error: Unable to contact slurm controller >&2; exit 1"))
    #expect(down?.kind == .slurm && down?.message == "squeue: Unable to contact slurm controller")
    let fatal = failure(try ask("echo 'squeue: fatal: no configuration source' >&2; exit 1"))
    #expect(fatal?.kind == .noConfiguration && fatal?.message == "squeue: no configuration source")
    let loader = failure(try ask("echo 'squeue: error while loading shared libraries: x' >&2; exit 127"))
    #expect(loader?.kind == .noCommand)
    #expect(failure(try ask("exit 3"))?.kind == .helperDied)
    #expect(failure(try ask("echo words >&2; kill -SEGV $$"))?.kind == .helperDied)
  }

  @Test func aReleaseThatTheControllerDoesNotUnderstand() throws {
    let script = """
      [ "$1" = --version ] && { echo slurm-wlm 22.05.8; exit 0; }
      echo slurm_load_jobs error: Insane message length >&2; exit 1
      """
    let far = failure(try ask(script))
    #expect(far?.kind == .otherRelease)
    #expect(
      far?.message.hasPrefix("squeue 22.05 and slurmctld do not understand each other (squeue: Insane")
        == true)
  }

  @Test(arguments: ["echo rubbish", "head -c 100000 /dev/urandom", "printf 'a\\x1fb'"])
  func rubbish(_ script: String) throws {
    #expect(failure(try ask("PATH=/usr/bin:/bin; " + script))?.kind == .rubbish)
  }

  @Test(arguments: ["sleep 600", "trap '' TERM; while :; do sleep 0.1; done", "yes", "exec >&-; sleep 600"])
  func hangs(_ script: String) throws {
    let start = MonotonicInstant.now
    #expect(failure(try ask("PATH=/usr/bin:/bin; " + script, limit: 0.5))?.kind == .timeout)
    #expect(MonotonicInstant.now.seconds(since: start) < 10)
    #expect(sandbox.processes().allSatisfy { $0.name != "squeue" })
  }

  /// duct removes variables that would change the commands' output.
  @Test func whatWouldChangeTheirOutputIsLeftOut() {
    let given = [
      "A=1", "SQUEUE_FORMAT=%i", "SACCT_LOCAL=1", "SLURM_CLUSTERS=all", "SLURM_TIME_FORMAT=x",
      "SLURM_CONF=/c",
    ]
    let entries = CommandEnvironment.entries(from: given.map { Array($0.utf8) }).map { String(escaping: $0) }
    #expect(entries == ["A=1", "SLURM_CONF=/c", "SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0", "LC_ALL=C"])
  }

  /// A field may contain newlines and separators. The number of fields tells where a record ends.
  @Test func recordsAreToldByTheNumberOfTheirFields() throws {
    let records = SeparatedRecords()
    let (mark, name) = (records.mark, "odd\n\u{1F}|\nname")
    func parse(_ text: String, isTerminated: Bool) -> [[String]]? {
      try? records.parse(Array(text.utf8), fieldCount: 3, isTerminated: isTerminated, of: "x")
    }
    let row = ["1", name, "c"]
    #expect(
      parse("1\(mark)\(name)\(mark)c\(mark)\n1\(mark)\(name)\(mark)c\(mark)\n", isTerminated: true) == [
        row, row,
      ])
    #expect(parse("1\(mark)\(name)\(mark)c\n1\(mark)\(name)\(mark)c\n", isTerminated: false) == [row, row])
    #expect(parse("", isTerminated: true) == [])
    for text in ["1\(mark)2", "1\(mark)2\(mark)3\(mark)4", "x\n"] {
      #expect(parse(text, isTerminated: true) == nil)
    }
    #expect(parse("1\(mark)2\n", isTerminated: false) == nil)
  }

  private static let use = "cpu=00:00:00,energy=0,fs/disk=28149,mem=10956800,pages=3"

  @Test func wordsForNumbers() {
    let durations: [(String, Double?)] = [
      ("5:00", 300), ("1-02:03:04", 93784), ("00:00.027", 0.027), ("1:00:00", 3600), ("UNLIMITED", nil),
      ("NOT_SET", nil), ("INVALID", nil), ("", nil), ("-5", nil),
    ]
    for (text, seconds) in durations { #expect(CommandText.duration(text) == seconds, "\(text)") }
    let statuses: [(String, UInt32?)] = [
      ("768", 768), ("3:0", 768), ("0:9", 9), ("4294967294", nil), ("", nil), ("x", nil),
    ]
    for (text, status) in statuses { #expect(CommandText.exitStatus(text) == status, "\(text)") }
    #expect(CommandText.time("1795917423") == 1_795_917_423)
    for text in ["N/A", "Unknown", "None", "0", ""] { #expect(CommandText.time(text) == nil) }
    #expect(CommandText.amount("mem", in: Self.use) == 10_956_800)
    #expect(CommandText.amount("fs/disk", in: Self.use) == 28149)
    #expect(CommandText.amount("disk", in: Self.use) == nil)
    #expect(
      CommandText.inOrder("billing=2,cpu=2,gres/gpu=1,mem=1G,node=1")
        == "cpu=2,mem=1G,node=1,billing=2,gres/gpu=1")
    #expect(CommandText.state("CANCELLED by 0") == (.cancelled, []))
    #expect(CommandText.canceller("CANCELLED by 0") == 0 && CommandText.canceller("CANCELLED") == nil)
    #expect(CommandText.state("COMPLETING") == (.running, ["COMPLETING"]))
    #expect(CommandText.state("REQUEUED") == (.pending, ["REQUEUE"]))
  }
}
