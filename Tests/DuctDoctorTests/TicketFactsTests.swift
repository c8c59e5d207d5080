import SystemCalls
import Testing

@testable import DuctDoctor
@testable import HostPrograms
@testable import KerberosTickets

/// What the doctor says of a Kerberos ticket.
@Suite struct TicketFactsTests {
  private static let now = 1_700_000_000.0

  /// What MIT's klist prints, with LC_ALL=C.
  private func klist(end: Double, renewUntil: Double?, format: String = "%m/%d/%y %H:%M:%S") -> String {
    func text(_ time: Double) -> String { WallTime(seconds: time).text(format: format) }
    let renewal = renewUntil.map { "\n\trenew until \(text($0))" } ?? ""
    return """
      Ticket cache: FILE:/tmp/krb5cc_1000
      Default principal: me@EXAMPLE.ORG

      Valid starting     Expires            Service principal
      \(text(Self.now))  \(text(end))  krbtgt/EXAMPLE.ORG@EXAMPLE.ORG\(renewal)
      \(text(Self.now))  \(text(end - 9))  nfs/server@EXAMPLE.ORG

      """
  }

  @Test(arguments: ["%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%b %d %H:%M:%S %Y"])
  func whatKlistPrints(_ format: String) throws {
    let (end, renewal) = (Self.now + 36_000, Self.now + 604_800)
    let ticket = try #require(KerberosTicket(klist: klist(end: end, renewUntil: renewal, format: format)))
    #expect(ticket == KerberosTicket(cache: "FILE:/tmp/krb5cc_1000", end: end, renewUntil: renewal))
    #expect(KerberosTicket(klist: klist(end: end, renewUntil: nil, format: format))?.renewUntil == nil)
  }

  @Test func whatIsNoTicket() {
    #expect(KerberosTicket(klist: "") == nil)
    #expect(KerberosTicket(klist: "Ticket cache: KCM:0\nDefault principal: x\n") == nil)
    #expect(KerberosTicket(klist: "Ticket cache: KCM:0\nyesterday tomorrow krbtgt/A@A\n") == nil)
  }

  private func facts(
    end: Double, renewUntil: Double? = nil, runEnd: Double?, cache: String = "FILE:/tmp/x",
    isWritable: Bool = true
  ) -> TicketFacts {
    let ticket = KerberosTicket(
      cache: cache, end: Self.now + end, renewUntil: renewUntil.map { Self.now + $0 })
    return TicketFacts(
      .ticket(ticket), isWritable: isWritable, now: Self.now, runEnd: runEnd.map { Self.now + $0 })
  }

  @Test func withoutTheLibrary() {
    var renewable = facts(end: 3600, renewUntil: 7200, runEnd: nil)
    #expect(!renewable.findings.contains { $0.check == "renewal" })
    renewable.canRenew = false
    #expect(renewable.findings.contains { $0.check == "renewal" && $0.text.contains("libkrb5.so.3") })
    var other = facts(end: 3600, runEnd: nil)
    other.canRenew = false
    #expect(!other.findings.contains { $0.check == "renewal" })
  }

  @Test func againstTheEndOfTheRun() {
    func life(_ facts: TicketFacts) -> Finding? { facts.findings.first { $0.check == "life" } }
    #expect(life(facts(end: 3600, runEnd: 3600))?.level == .ok)
    let renewable = life(facts(end: 3600, renewUntil: 7200, runEnd: 3601))
    #expect(renewable?.level == .warning && renewable?.advice?.contains("krenew") == true)
    let tooLong = life(facts(end: 3600, renewUntil: 7200, runEnd: 7201))
    #expect(tooLong?.level == .warning && tooLong?.advice?.contains("k5start") == true)
    #expect(
      life(facts(end: 3600, renewUntil: 3600, runEnd: 7201))?.text.contains("cannot be renewed") == true)
    #expect(life(facts(end: 3600, runEnd: nil))?.level == .note)
    #expect(life(facts(end: 0, runEnd: nil))?.level == .warning, "it has ended, but writing works")
    #expect(life(facts(end: 0, runEnd: 9, isWritable: false))?.level == .failure)
    #expect(life(facts(end: 1, runEnd: nil))?.level == .note)
  }

  @Test(arguments: [
    ("FILE:/tmp/x", Finding.Level.ok), ("/tmp/x", .ok), ("DIR::/run/x/tkt", .ok), ("KCM:1000", .note),
    ("KEYRING:persistent:1000:1000", .note), ("KEYRING:session:x", .warning), ("API:x", .note),
  ])
  func caches(_ cache: String, _ level: Finding.Level) {
    let finding = facts(end: 9, runEnd: 9, cache: cache).findings.first { $0.check == "cache" }
    #expect(finding?.level == level)
  }

  @Test func withoutATicket() {
    func level(_ answer: ProgramAnswer, isWritable: Bool = true) -> Finding.Level? {
      TicketFacts(
        answer, security: "krb5p", isWritable: isWritable, now: Self.now, runEnd: nil, canRenew: true
      ).findings
        .first?.level
    }
    let none = ProgramAnswer.failed("klist: No credentials cache found (filename: /tmp/krb5cc_0)", output: "")
    #expect(level(none) == .warning)
    #expect(level(none, isWritable: false) == .failure)
    #expect(level(.isMissing) == .warning)
    #expect(level(.hangs(5)) == .warning)
    #expect(level(.printed("")) == .warning)
  }
}
