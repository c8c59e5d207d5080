import Testing

@testable import KerberosTickets

/// When a ticket is renewed, and what the user is told.
@Suite struct TicketKeepingTests {
  private static let now = 1_700_000_000.0

  /// - Parameters: seconds from `now`.
  private func ticket(_ end: Double, _ renewUntil: Double? = nil) -> KerberosTicket {
    KerberosTicket(
      cache: "FILE:/tmp/x", end: Self.now + end, renewUntil: renewUntil.map { Self.now + $0 })
  }

  /// Takes an event at a number of seconds from `now`. Returns what is told, the next task, and in how many seconds.
  private func step(
    _ keeping: inout TicketKeeping, _ event: TicketKeeping.Event, at time: Double
  ) -> (news: [TicketNews], task: TicketTask?, wait: Double?) {
    var (news, task, wait): ([TicketNews], TicketTask?, Double?) = ([], nil, nil)
    for action in keeping.step(event, now: Self.now + time) {
      switch action {
      case .tell(let one): news.append(one)
      case .next(let next, let at): (task, wait) = (next, at - Self.now - time)
      }
    }
    return (news, task, wait)
  }

  @Test(arguments: [false, true])
  func itIsRenewedAfterHalfOfItsLife(isShared: Bool) {
    var keeping = TicketKeeping(isShared: isShared, runEnd: nil)
    #expect(keeping.first == (isShared ? .look : .copy))
    let first = step(&keeping, .answered(ticket(36_000, 604_800)), at: 0)
    #expect(first.news == [.kept(ticket(36_000, 604_800), isShared: isShared, runEnd: nil)])
    #expect(first.news.allSatisfy { !$0.isWarning })
    #expect(first.task == (isShared ? .renewShared : .renew) && first.wait == 18_000)
    let second = step(&keeping, .answered(ticket(54_000, 604_800)), at: 18_000)
    #expect(second.news == [] && second.task == first.task && second.wait == 18_000)
  }

  @Test func aFailureIsToldOnce() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    _ = step(&keeping, .answered(ticket(1000, 9000)), at: 0)
    let first = step(&keeping, .failed("no KDC"), at: 500)
    #expect(first.news == [.fails("no KDC", ticket(1000, 9000), isShared: false)])
    #expect(first.task == .renew && first.wait == 1)
    var waits: [Double?] = []
    for time in [501.0, 503, 507, 515, 531, 563, 623] {
      let next = step(&keeping, .failed("no KDC"), at: time)
      #expect(next.news == [] && next.task == .renew)
      waits.append(next.wait)
    }
    #expect(waits == [2, 4, 8, 16, 32, 60, 60])
    let again = step(&keeping, .answered(ticket(1700, 9000)), at: 700)
    #expect(again.news == [.worksAgain(ticket(1700, 9000))])
    #expect(again.task == .renew && again.wait == 500)
    #expect(step(&keeping, .failed("no KDC"), at: 1200).wait == 1)
  }

  /// The shorter its life, the sooner the next try.
  @Test func severalTriesAreLeftBeforeItEnds() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    _ = step(&keeping, .answered(ticket(1000, 9000)), at: 0)
    for time in [500.0, 501, 503, 507, 515, 531, 563] { _ = step(&keeping, .failed("x"), at: time) }
    #expect(step(&keeping, .failed("x"), at: 940).wait == 15)
    #expect(step(&keeping, .failed("x"), at: 999).wait == 1)
  }

  @Test func aTicketThatEndedWhileRenewalsFailed() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    let old = ticket(1000, 9000)
    _ = step(&keeping, .answered(old), at: 0)
    _ = step(&keeping, .failed("x"), at: 999)
    let ended = step(&keeping, .failed("x"), at: 1001)
    #expect(ended.news == [.hasEnded(old)] && ended.task == .adopt && ended.wait == 1)
    // The copy is still the old one.
    let waiting = step(&keeping, .answered(old), at: 1061)
    #expect(waiting.news == [] && waiting.task == .adopt && waiting.wait == 60)
    // The user has called kinit.
    let new = ticket(5000, 20_000)
    let again = step(&keeping, .answered(new), at: 1121)
    #expect(again.news == [.worksAgain(new)] && again.task == .renew)
  }

  @Test func theEndOfRenewal() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    _ = step(&keeping, .answered(ticket(1000, 1500)), at: 0)
    let last = ticket(1500, 1500)
    let limit = step(&keeping, .answered(last), at: 500)
    #expect(limit.news == [.limitReached(last)] && limit.task == .adopt && limit.wait == 60)
    #expect(step(&keeping, .answered(last), at: 560).news == [])
    #expect(step(&keeping, .answered(last), at: 1501).news == [.hasEnded(last)])
    #expect(step(&keeping, .answered(last), at: 1561).news == [])
    let new = ticket(3000, 9000)
    #expect(step(&keeping, .answered(new), at: 1600).news == [.worksAgain(new)])
    // The next end of renewal is told again.
    #expect(
      step(&keeping, .answered(ticket(9000, 9000)), at: 2300).news == [.limitReached(ticket(9000, 9000))])
  }

  @Test func aTicketThatCannotBeRenewed() {
    var keeping = TicketKeeping(isShared: true, runEnd: nil)
    let only = ticket(1000)
    let first = step(&keeping, .answered(only), at: 0)
    #expect(first.news == [.kept(only, isShared: true, runEnd: nil)] && first.news[0].isWarning)
    #expect(first.news[0].text.contains("cannot be renewed") && first.news[0].text.contains("kinit -r"))
    #expect(first.task == .look && first.wait == 60)
    #expect(step(&keeping, .answered(only), at: 60).news == [], "it was told already")
    // A ticket that lasts longer, and cannot be renewed either.
    #expect(step(&keeping, .answered(ticket(2000)), at: 120).news == [.worksAgain(ticket(2000))])
  }

  @Test func noTicketAtTheStart() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    let first = step(&keeping, .failed("no cache"), at: 0)
    #expect(first.news == [.fails("no cache", nil, isShared: false)])
    #expect(first.task == .copy && first.wait == 1)
    let ended = step(&keeping, .answered(ticket(-5, 100)), at: 1)
    #expect(ended.news == [.hasEnded(ticket(-5, 100))] && ended.task == .adopt)
  }

  /// The user has a ticket, and duct cannot copy it: another kinit would not help.
  @Test func aCopyThatFails() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    let first = step(&keeping, .broken("no room"), at: 0)
    #expect(first.news == [.cannotKeep("no room")] && first.task == .copy && first.wait == 1)
    #expect(!first.news[0].text.contains("kinit") && first.news[0].text.contains("--renew-ticket=shared"))
    _ = step(&keeping, .answered(ticket(1000, 9000)), at: 1)
    #expect(
      step(&keeping, .broken("no room"), at: 500).news
        == [.fails("no room", ticket(1000, 9000), isShared: false)])
  }

  /// A ticket that cannot be renewed takes the place of one that has ended.
  @Test func aNewTicketThatCannotBeRenewed() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    _ = step(&keeping, .answered(ticket(1000, 9000)), at: 0)
    _ = step(&keeping, .failed("x"), at: 1001)
    let new = step(&keeping, .answered(ticket(3000)), at: 1061)
    #expect(new.news == [.worksAgain(ticket(3000))] && new.task == .adopt)
    #expect(step(&keeping, .answered(ticket(3000)), at: 3001).news == [.hasEnded(ticket(3000))])
  }

  @Test func whereThereIsNoLibrary() {
    var keeping = TicketKeeping(isShared: false, runEnd: nil)
    let only = step(&keeping, .impossible("libkrb5.so.3: not found"), at: 0)
    #expect(only.news == [.impossible("libkrb5.so.3: not found")] && only.task == nil)
  }

  /// A job that may run longer than the ticket can be renewed.
  @Test func theEndOfTheJob() {
    let (short, long) = (Self.now + 9000, Self.now + 9001)
    #expect(!TicketNews.kept(ticket(1000, 9000), isShared: false, runEnd: short).isWarning)
    let news = TicketNews.kept(ticket(1000, 9000), isShared: false, runEnd: long)
    #expect(news.isWarning && news.text.contains(KerberosTicket.text(long)) && news.text.contains("k5start"))
  }
}
