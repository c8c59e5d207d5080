import Glibc
import RecordText
import SystemCalls
import TestSupport
import Testing

/// A record names files, and the user who reads it may have more rights than the user who wrote it. `con-duct
/// report` must not show files that the writer could not read. Needs two users besides root.
@Suite(.needs(.root)) struct ReportNeighbourTests {
  private let sandbox: Sandbox
  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeDirectory("logs", of: OtherUser.first)
    try sandbox.makeDirectory("victim", of: OtherUser.second, mode: 0o700)
    try sandbox.write("secret of the second\n", to: "victim/notes")
    sandbox.give("victim/notes", to: OtherUser.second, mode: 0o600)
  }

  /// Writes a record of the first user whose failed job names `path` as its output.
  private func record(_ path: String, uid: UInt32 = OtherUser.first, owner: UInt32 = OtherUser.first) throws {
    try sandbox.write(
      """
      {"schema_version": "0.2.3", "command": "c", "execution_summary": {}, "system": {"uid": \(uid)},
       "slurm": {"submitted_jobs": [{"job_id": 7, "state": "FAILED", "start_time": 1, "stdout_path": "\(path)",
       "user": "root"}]}}
      """, to: "logs/x_info.json")
    sandbox.give("logs/x_info.json", to: owner)
  }

  private func report() async throws -> Finished {
    try await run(Programs.conDuct, ["report", "--no-refresh", "logs"], in: sandbox, limit: 20)
  }

  @Test func rootIsShownTheFilesOfTheJobsOwner() async throws {
    try sandbox.write("printed by the job\n", to: "logs/slurm-7.out")
    sandbox.give("logs/slurm-7.out", to: OtherUser.first)
    try record(sandbox["logs/slurm-7.out"].string)
    #expect(try await report().stdout.contains("    | printed by the job\n"))
  }

  /// Also if the record claims to belong to the victim, or the job to root.
  @Test(arguments: [OtherUser.first, OtherUser.second, 0])
  func filesOfOthersAreNotShown(_ claimed: UInt32) async throws {
    for path in [sandbox["victim/notes"].string, "/etc/shadow", "/etc/passwd"] {
      try record(path, uid: claimed)
      let result = try await report()
      #expect(result.code == 0)
      #expect(!result.stdout.contains(" | "), "\(result.stdout)")
      #expect(result.stdout.contains("and the record to another: it is not shown"))
    }
  }

  @Test func linksAndFIFOsAreNotFollowed() async throws {
    try valueOrErrno {
      sandbox["logs/link"].withPlatformString { symlink(sandbox["victim/notes"].string, $0) }
    }
    try valueOrErrno { sandbox["logs/fifo"].withPlatformString { mkfifo($0, 0o644) } }
    for (name, problem) in [("link", "it is a symbolic link"), ("fifo", "it is no regular file")] {
      try record(sandbox["logs/\(name)"].string)
      let result = try await report()
      #expect(result.stdout.contains(problem))
      #expect(!result.stdout.contains("secret"))
    }
  }

  /// root has archived the records, so con-duct trusts what they say about their owner.
  @Test func rootsOwnRecordsAreTrusted() async throws {
    try record(sandbox["victim/notes"].string, uid: OtherUser.second, owner: 0)
    #expect(try await report().stdout.contains("secret of the second"))
  }

  /// The record of the second user names a private file of the first. The report that the first user makes must not
  /// contain it.
  @Test func anOrdinaryUserReadsTheRecordsOfAnother() async throws {
    try sandbox.write("mine\n", to: "logs/private")
    sandbox.give("logs/private", to: OtherUser.first, mode: 0o600)
    try record(sandbox["logs/private"].string, uid: OtherUser.first, owner: OtherUser.second)
    let result = try await run(
      as: OtherUser.first, "con-duct", ["report", "--no-refresh", "logs"], in: sandbox)
    #expect(result.code == 0, "\(result.stderr)")
    #expect(!result.stdout.contains("mine"), "another's record does not publish a file of the reader's")
  }

  /// The records that the reader may read are shown, and each other one is told.
  @Test(arguments: [["ls", "logs"], ["jobs", "--no-refresh", "logs"], ["report", "--no-refresh", "logs"]])
  func aRecordThatOnlyItsOwnerMayRead(_ arguments: [String]) async throws {
    try record("/nowhere")
    try sandbox.write(sandbox.bytes("logs/x_info.json"), to: "logs/private_info.json")
    sandbox.give("logs/private_info.json", to: OtherUser.first, mode: 0o600)
    let result = try await run(as: OtherUser.second, "con-duct", arguments, in: sandbox)
    #expect(result.code == 0 && result.stdout.contains("logs/x_"))
    // A report also names it itself: whoever gets the report has no standard error.
    let missing = "1 record cannot be read: cannot read logs/private_info.json"
    let others = result.stdout.split(separator: "\n").filter { !$0.contains(missing) }
    #expect(others.allSatisfy { !$0.contains("private") }, "\(result.stdout)")
    #expect(result.stdout.contains(missing) == (arguments[0] == "report"))
    #expect(
      result.stderr
        == "con-duct: cannot read logs/private_info.json: Permission denied (EACCES)\n", "\(result.stderr)")
  }
}
