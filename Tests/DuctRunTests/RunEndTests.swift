import OutputRelay
import Testing

@testable import DuctRun

@Suite struct RunEndTests {
  /// When everything is delivered, duct removes the run folder.
  @Test func whatIsDeliveredNeedsNoSpool() {
    var end = RunEnd()
    #expect(end.step(.jobsAreKnown(removes: false)) == [.deliver])
    #expect(end.step(.delivered(isAll: true, streamsHadEnded: true)) == [.removeSpool, .note(.done)])
  }

  @Test(arguments: [
    (true, false, RelayStatus.Ending.leftToRelay), (false, false, .leftToRelay), (false, true, .told),
  ])
  func theSpoolStaysForWhatIsNotDelivered(
    _ isAll: Bool, _ streamsHadEnded: Bool, _ ending: RelayStatus.Ending
  ) {
    var end = RunEnd()
    _ = end.step(.jobsAreKnown(removes: false))
    #expect(end.step(.delivered(isAll: isAll, streamsHadEnded: streamsHadEnded)) == [.note(ending)])
    #expect(end.state == .ended(ending))
  }

  /// If duct dies while it removes the records, the surviving process removes the rest.
  @Test func recordsAreRemovedByWhoeverGoesOn() {
    var end = RunEnd()
    #expect(end.step(.jobsAreKnown(removes: true)) == [.note(.removed), .discard])
    #expect(end.step(.discarded(isAll: true, streamsHaveEnded: true)) == [.removeSpool, .note(.done)])
  }

  @Test(arguments: [(true, false), (false, true), (false, false)])
  func theSpoolStaysForWhatIsNotRemoved(_ isAll: Bool, _ streamsHaveEnded: Bool) {
    var end = RunEnd()
    _ = end.step(.jobsAreKnown(removes: true))
    #expect(end.step(.discarded(isAll: isAll, streamsHaveEnded: streamsHaveEnded)) == [.note(.removed)])
  }

  /// Events that do not fit the state change nothing.
  @Test func whatComesAtTheWrongTimeChangesNothing() {
    var end = RunEnd()
    let before = end
    #expect(end.step(.discarded(isAll: true, streamsHaveEnded: true)).isEmpty)
    #expect(end.step(.delivered(isAll: true, streamsHadEnded: true)).isEmpty && end == before)
  }
}
