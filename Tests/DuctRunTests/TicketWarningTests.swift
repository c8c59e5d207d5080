import KerberosTickets
import Testing

@testable import DuctRun

/// The warning that the ticket ends before the run may.
@Suite struct TicketWarningTests {
  private static let now = 1_800_000_000.0
  private static let hour = 3600.0

  private func warning(end: Double, renew: Double? = nil, job: Double? = nil) -> String? {
    TicketWarning.text(
      of: KerberosTicket(
        cache: "FILE:/tmp/krb5cc_1000", end: Self.now + end * Self.hour,
        renewUntil: renew.map { Self.now + $0 * Self.hour }),
      "/home/ada/logs", now: Self.now, runEnd: job.map { Self.now + $0 * Self.hour })
  }

  @Test func aTicketThatLastsAsLongAsTheJobIsNoMatter() {
    #expect(warning(end: 10, job: 9) == nil && warning(end: 10, job: 10) == nil)
    #expect(warning(end: -1) == nil && warning(end: 0) == nil, "the first write tells that it has ended")
  }

  @Test func outsideOfAJobTheCommandMayRunLonger() throws {
    let line = try #require(warning(end: 10, renew: 168))
    #expect(line.hasPrefix("The Kerberos ticket for /home/ada/logs ends at "), "\(line)")
    #expect(line.contains("in 10:00:00. From then on, output"), "\(line)")
    #expect(line.contains("krenew -K 60 -- duct"), "\(line)")
  }

  @Test func theAdviceFitsTheTicket() throws {
    #expect(
      try #require(warning(end: 10, renew: 168, job: 48)).contains("before the time limit of the job. "))
    #expect(try #require(warning(end: 10, renew: 24, job: 48)).contains("only until"))
    #expect(try #require(warning(end: 10, job: 48)).contains("It cannot be renewed: kinit again"))
    #expect(try #require(warning(end: 10, renew: 10, job: 48)).contains("It cannot be renewed"))
  }
}
