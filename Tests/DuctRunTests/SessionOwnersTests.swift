import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import DuctRun

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
}
