import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import DuctRun
@testable import ProcessSampling

@Suite struct SessionOwnersTests {
  /// Starts a child that sleeps until it is killed.
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

  /// Starts a session leader that is no descendant of this process: its parent exits, and the system's reaper
  /// adopts it. The sandbox kills it.
  private func foreignLeader(in sandbox: Sandbox) async throws -> pid_t {
    let started = try await run(
      "sh", ["-c", "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!"], in: sandbox)
    let pid = try #require(pid_t(started.stdout.dropLast()), "\(started)")
    try await eventually { getsid(pid) == pid }
    return pid
  }

  @Test func onlyALeaderThatWasThereAtTheTimeOwnsASession() async throws {
    let before = WallTime.now.seconds - 60
    let (leader, other) = (try child(startsSession: true), try child(startsSession: false))
    defer { for pid in [leader, other] { end(pid) } }
    let sandbox = try Sandbox()
    let foreign = try await foreignLeader(in: sandbox)
    defer { sandbox.killProcesses() }
    let now = WallTime.now.seconds
    let owners = SessionOwners(root: leader)
    #expect(owners.owner(of: UInt32(leader), submit: now) == .command)
    // duct counts its other children as orphans of the command.
    #expect(SessionOwners(root: 1).owner(of: UInt32(leader), submit: now) == .command)
    // When the job was submitted, another process had this pid.
    #expect(owners.owner(of: UInt32(leader), submit: before) == .gone)
    // The process with this pid leads no session, so the job was not submitted from its session.
    #expect(owners.owner(of: UInt32(other), submit: now) == .gone)
    #expect(owners.owner(of: UInt32(foreign), submit: now) == .other)
    #expect(owners.owner(of: .max, submit: now) == .gone)
  }

  /// On a recorded /proc: the session of a descendant, and that of a stranger.
  @Test func aRecordedProcAnswersLikeALiveOne() throws {
    let sandbox = try Sandbox()
    let files = ProcFiles(root: try RecordedTree("linux-6.18-cgroup-v1", in: sandbox).root, ownPID: 25977)
    let boot = 1_000_000.0
    let owners = SessionOwners(root: 25998, files: files, bootTime: boot)
    // 26008 started 64576.05 s after the boot, in a session of its own, and is an orphan.
    #expect(owners.owner(of: 26008, submit: boot + 64577) == .command)
    #expect(owners.owner(of: 26008, submit: boot + 60000) == .gone)
    #expect(owners.owner(of: 25999, submit: boot + 64577) == .gone, "it leads no session")
    let another = try Sandbox()
    let others = ProcFiles(root: try RecordedTree("linux-3.10-slurm", in: another).root, ownPID: 4210)
    #expect(
      SessionOwners(root: 4215, files: others, bootTime: boot).owner(of: 4230, submit: boot + 6000) == .other)
    withExtendedLifetime(another) {}
  }
}
