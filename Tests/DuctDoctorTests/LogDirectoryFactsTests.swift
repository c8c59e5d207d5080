import ResilientIO
import SystemPackage
import Testing

@testable import DuctDoctor

/// What the doctor says of a log directory, of its quota and of the ticket for it.
@Suite struct LogDirectoryFactsTests {
  private func facts(_ change: (inout LogDirectoryFacts) -> Void = { _ in }) -> LogDirectoryFacts {
    var facts = LogDirectoryFacts(directory: "/home/me/logs")
    facts.mount = MountedFilesystem(
      kind: .remote, type: "nfs4", point: "/home", source: "server:/home",
      options: ["rw", "hard", "sec=krb5p"])
    facts.nearest = "/home/me/logs"
    facts.room = Room(bytes: 1 << 40, files: nil)
    facts.syncSeconds = 0.002
    facts.hasLocks = true
    change(&facts)
    return facts
  }

  private func finding(_ check: String, _ change: (inout LogDirectoryFacts) -> Void) throws -> Finding {
    let found = try #require(facts(change).findings.first { $0.check == check })
    #expect((found.advice == nil) == (found.level == .ok), "\(found)")
    return found
  }

  @Test func nothingIsWrong() {
    #expect(facts().findings.map(\.check) == ["mount", "writable", "room", "fsync", "locks"])
    #expect(facts().findings.allSatisfy { $0.level == .ok })
  }

  @Test func theDirectoryIsNotThereYet() throws {
    let found = try finding("writable") { $0.nearest = "/home" }
    #expect(found.level == .ok && found.text.contains("makes it in /home,"))
  }

  @Test(arguments: [
    (Errno.permissionDenied, "kinit"), (.readOnlyFileSystem, "read-only"), (.noSpace, "Remove files"),
    (.diskQuotaExceeded, "quota"), (.ioError, "administrators"), (.fileTooLarge, "limit"),
  ])
  func itCannotBeWritten(_ errno: Errno, _ advice: String) throws {
    let found = try finding("writable") { $0.trouble = .failed(.create, errno) }
    #expect(found.level == .failure)
    #expect(found.advice?.contains(advice) == true && found.advice?.contains("con-duct recover") == true)
  }

  @Test func itHangs() throws {
    let found = try finding("writable") {
      $0.trouble = .hangs(.sync, seconds: 5)
      $0.process = 4711
    }
    #expect(found.level == .failure && found.text.contains("an fsync has taken longer than 5.0 s"))
    #expect(
      found.advice?.contains("server:/home") == true && found.advice?.contains("Process 4711") == true)
  }

  @Test(arguments: [
    (Room(bytes: 99_999_999, files: nil), Finding.Level.warning), (Room(bytes: 100_000_000, files: nil), .ok),
    (Room(bytes: 1 << 40, files: 99), .warning), (Room(bytes: 1 << 40, files: 100), .ok),
  ])
  func room(_ room: Room, _ level: Finding.Level) throws {
    #expect(try finding("room") { $0.room = room }.level == level)
  }

  @Test func theRest() throws {
    #expect(try finding("fsync") { $0.syncSeconds = 1 }.level == .ok)
    #expect(try finding("fsync") { $0.syncSeconds = 1.01 }.level == .warning)
    #expect(try finding("locks") { $0.lockError = .noLocks }.level == .note)
    #expect(try finding("mount") { $0.mount = nil }.level == .warning)
    #expect(try finding("mount") { $0.mount?.options.append("soft") }.level == .note)
    #expect(try finding("records") { $0.existing = ["a", "b"] }.level == .failure)
    let replaced = try finding("records") {
      $0.existing = ["a"]
      $0.refusesExisting = false
    }
    #expect(replaced.level == .note)
  }

  // MARK: Quota

  /// What quota(1) of quota-tools 4.06 prints with -v -w -p.
  private func quota(_ line: String) -> QuotaReport? {
    let head = """
      Disk quotas for user me (uid 1000):
           Filesystem  blocks   quota   limit   grace   files   quota   limit   grace

      """
    return QuotaReport(head + line + "\n", of: "server:/home")
  }

  @Test func quotas() throws {
    let free = try #require(quota("server:/home 500 1000 1000 0 10 0 0 0"))
    #expect(!free.isNearLimit && free.text == "the quota is used by 512.0 kB of 1.0 MB")
    #expect(quota("server:/home 949 0 1000 0 10 0 0 0")?.isNearLimit == false)
    #expect(quota("server:/home 950 0 1000 0 10 0 0 0")?.isNearLimit == true)
    #expect(quota("server:/home 1100* 1000 2000 1700000000 10 0 0 0")?.usedBytes == 1100 * 1024)
    #expect(quota("server:/home 5 0 0 0 100 100 100 0")?.isNearLimit == true)
    #expect(quota("server:/home 5 0 0 0 100 0 0 0") == nil, "there is no limit")
    #expect(quota("server:/other 5 1 1 0 100 0 0 0") == nil)
    #expect(quota("") == nil)
  }
}
