import ResilientIO
import Testing

@testable import DuctDoctor

/// What the doctor says of the spool and of a logout.
@Suite struct SpoolFactsTests {
  private func finding(_ check: String, _ change: (inout SpoolFacts) -> Void) -> Finding? {
    var facts = SpoolFacts()
    facts.base = "/var/tmp/duct-1000"
    facts.mount = MountedFilesystem(kind: .local, type: "ext4", point: "/")
    facts.room = Room(bytes: 1 << 40, files: 1 << 20)
    change(&facts)
    for finding in facts.findings { #expect((finding.advice == nil) == (finding.level == .ok)) }
    return facts.findings.first { $0.check == check }
  }

  @Test func places() {
    #expect(finding("place") { _ in }?.level == .ok)
    #expect(finding("place") { $0.mount?.type = "tmpfs" }?.level == .note)
    #expect(finding("place") { $0.base = nil }?.level == .warning)
    let runtime = finding("place") {
      $0.base = "/run/user/1000/duct-1000"
      $0.runtimeDirectory = "/run/user/1000"
    }
    #expect(runtime?.level == .warning && runtime?.text.contains("logout") == true)
    let chosen = finding("chosen") {
      $0.isChosen = true
      $0.refused = ["/x: no"]
    }
    #expect(chosen?.level == .warning)
    #expect(finding("chosen") { $0.refused = ["/x: no"] } == nil)
    #expect(finding("room") { $0.room = Room(bytes: 0, files: 9) }?.level == .warning)
  }

  /// The root of a mount that Slurm made for the job, as mountinfo shows it.
  @Test(arguments: [
    ("/slurm/118/.118", Finding.Level.warning), ("/tmp.118/x", .warning), ("/job_118", .warning), ("/", .ok),
    ("/1180", .ok), ("/x118", .ok),
  ])
  func aDirectoryOfTheJob(_ root: String, _ level: Finding.Level) {
    let found = finding("place") {
      $0.jobID = "118"
      $0.mount?.root = root
    }
    #expect(found?.level == level)
  }

  @Test func leftovers() {
    #expect(finding("waiting") { _ in }?.level == .ok)
    let one = finding("waiting") {
      $0.waiting = 1
      $0.waitingBytes = 1000
    }
    #expect(one?.level == .warning && one?.text == "1 run waits for delivery, with 1.0 kB")
    #expect(finding("waiting") { $0.waiting = 2 }?.text == "2 runs wait for delivery")
    #expect(finding("trust") { $0.untrusted = ["/x"] }?.level == .warning)
  }

  // MARK: Logout

  private func logout(_ membership: String, _ change: (inout LogoutFacts) -> Void = { _ in }) -> Finding.Level
  {
    var facts = LogoutFacts()
    facts.membership = membership
    facts.userName = "me"
    change(&facts)
    #expect((facts.finding.advice == nil) == (facts.finding.level == .ok))
    return facts.finding.level
  }

  @Test func logouts() {
    let session = "0::/user.slice/user-1000.slice/session-3.scope\n"
    let service = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/tmux.scope\n"
    #expect(logout("0::/\n") == .ok)
    #expect(logout(session) == .warning, "loginctl does not answer")
    #expect(logout(session) { $0.isInJob = true } == .ok)
    #expect(logout(session) { $0.manager = ["KillUserProcesses": "no"] } == .ok)
    #expect(logout(session) { $0.manager = ["KillUserProcesses": "yes"] } == .warning)
    #expect(
      logout(session) { $0.manager = ["KillUserProcesses": "yes", "KillExcludeUsers": "root me"] } == .ok)
    #expect(logout(session) { $0.manager = ["KillUserProcesses": "yes", "KillOnlyUsers": "x"] } == .ok)
    #expect(logout(session) { $0.manager = ["KillUserProcesses": "yes", "KillOnlyUsers": "me"] } == .warning)
    #expect(logout(service) { $0.user = ["Linger": "no"] } == .warning)
    #expect(logout(service) { $0.user = ["Linger": "yes"] } == .ok)
  }

  @Test func properties() {
    let text = "KillUserProcesses=no\nKillExcludeUsers=root\nEmpty=\nno property\n"
    let expected = ["KillUserProcesses": "no", "KillExcludeUsers": "root", "Empty": ""]
    #expect(LogoutFacts.properties(.printed(text)) == expected)
    #expect(
      LogoutFacts.properties(.isMissing) == nil && LogoutFacts.properties(.failed("x", output: "A=b")) == nil)
  }
}
