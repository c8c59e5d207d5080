import Testing

@testable import OutputRelay

/// The decisions about what is dropped and when, without system calls.
@Suite struct StreamKeepingTests {
  private func account(written: Int, claimed: Int = 0, proven: Int = 0) -> StreamAccount {
    var account = StreamAccount()
    (account.written, account.claimed, account.proven) = (written, claimed, proven)
    account.starts = [nil, 0, nil]
    return account
  }

  /// Beyond the limit, proven bytes are released before others are dropped.
  @Test func whatIsProvenGoesFirst() {
    let limits = StreamLimits(limit: 100_000, kind: .spool)
    #expect(
      limits.actions([account(written: 300_000, claimed: 300_000, proven: 300_000)]) == [
        .release(stream: 0, upTo: 225_000)
      ])
    // Within the limit nothing happens, whether bytes are proven or not.
    #expect(limits.actions([account(written: 90_000)]) == [])
  }

  @Test func onlyWhatWaitsBeyondTheLimitIsDropped() {
    let limits = StreamLimits(limit: 100_000, kind: .spool)
    #expect(
      limits.actions([account(written: 150_000), account(written: 10_000)]) == [
        .drop(stream: 0, bytes: 60_000)
      ])
  }

  /// Fault 10: delivery has already begun with claimed bytes.
  @Test func whatIsClaimedIsNotDropped() {
    var keeping = StreamKeeping(isDropping: false, hasEnded: false)
    let actions = keeping.step(
      .waitsBeyondLimit(.spool, by: 50_000), account(written: 150_000, claimed: 90_000))
    guard case .startDropping(let range)? = actions.first else { return #expect(actions.isEmpty) }
    #expect(range.lowerBound >= 90_000)
    #expect(keeping.state == .dropping)
  }

  /// Fault 9: if there is no room to record another range, the current range keeps growing.
  @Test func withoutRoomForAnotherRangeItGoesOn() {
    var keeping = StreamKeeping(isDropping: true, hasEnded: false)
    var full = account(written: 150_000)
    full.dropped = [0..<50_000]
    full.canBeginRange = false
    #expect(keeping.step(.stopRequested, full) == [])
    #expect(keeping.state == .dropping)
    #expect(keeping.step(.waitsBeyondLimit(.spool, by: 8192), full) == [.dropUp(to: 58_192)])
    #expect(keeping.step(.ended, full) == [.stopDropping])
  }
}
