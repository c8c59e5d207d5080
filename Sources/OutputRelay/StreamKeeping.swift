/// What a stream does with what it cannot keep. Decides, and calls nothing. docs/architecture.md draws it.
struct StreamKeeping: Sendable, Equatable {
  enum State: Sendable, Equatable {
    /// Every byte goes to a store, and stays there until it is proven.
    case keeping
    /// The oldest bytes behind what is claimed go, as far as more waits than may. What goes is one range.
    case dropping
    case ended
  }

  enum Event: Sendable, Equatable {
    /// In a store waits so much more than may.
    case waitsBeyondLimit(OutputStores.Kind, by: Int)
    /// A store takes no more, for lack of space.
    case isFull(OutputStores.Kind)
    /// No store takes a number of bytes, which are the last ones.
    case lost(Int)
    /// Delivery has come to what is being dropped.
    case stopRequested
    case ended
  }

  enum Action: Sendable, Equatable {
    /// Begin to drop this range. It may be moved up to what is claimed; then its bytes go.
    case startDropping(Range<Int>)
    /// The range that is being dropped reaches up to here now.
    case dropUp(to: Int)
    case stopDropping
    /// Where it takes no more, the stream goes on in the next store.
    case useNextStore
  }

  /// Less than this is not worth a gap on disk: memory holds as much.
  static let leastWorth = 32 << 20
  /// What is made free on a full disk, for some moves to come.
  static let roomToMake = 4 << 20

  private(set) var state: State

  init(isDropping: Bool, hasEnded: Bool) { state = hasEnded ? .ended : isDropping ? .dropping : .keeping }

  /// What is to be done about an event.
  mutating func step(_ event: Event, _ account: StreamAccount) -> [Action] {
    switch (state, event) {
    case (.ended, _), (.keeping, .stopRequested): return []
    case (.keeping, .ended):
      state = .ended
      return []
    case (.dropping, .ended):
      state = .ended
      return [.stopDropping]
    case (.dropping, .stopRequested):
      // Without room for another range there would be no way to drop again.
      guard account.canBeginRange else { return [] }
      state = .keeping
      return [.stopDropping]
    case (.keeping, .waitsBeyondLimit(let kind, let excess)): return startDropping(kind, account, excess)
    case (.dropping, .waitsBeyondLimit(let kind, let excess)): return drop(excess, of: kind, account)
    case (.keeping, .isFull(let kind)):
      guard kind == .spool, account.waiting(in: kind) >= Self.leastWorth else { return [.useNextStore] }
      let actions = startDropping(kind, account, Self.roomToMake)
      return actions.isEmpty ? [.useNextStore] : actions
    case (.dropping, .isFull(let kind)):
      let actions = kind == .spool ? drop(Self.roomToMake, of: kind, account) : []
      return actions.isEmpty ? [.useNextStore] : actions
    case (.keeping, .lost(let count)):
      state = .dropping
      return [.startDropping(account.written..<account.written + count)]
    case (.dropping, .lost(let count)):
      let end = account.written + count
      if account.dropped.last?.upperBound == account.written || !account.canBeginRange {
        return [.dropUp(to: end)]
      }
      // What is kept between the two stays.
      return [.stopDropping, .startDropping(account.written..<end)]
    }
  }

  /// The first and the last half of what may stay are kept; what lies between them goes.
  private mutating func startDropping(
    _ kind: OutputStores.Kind, _ account: StreamAccount, _ excess: Int
  ) -> [Action] {
    guard let range = account.range(of: kind) else { return [] }
    // What lies before an earlier range that has a mark is to be delivered first.
    let marked = account.dropped.last?.upperBound ?? 0
    let first = max(range.lowerBound, account.released, account.proven, marked)
    let stays = max(account.written - first - max(excess, 0), 0)
    // In memory the oldest goes first, so that the latest words of a run are there.
    let head = kind == .memory ? 0 : stays / 2
    let from = Self.roundedUp(max(first + head, account.claimed), after: range.lowerBound)
    let tail = max(stays - (from - first), 0)
    guard from < account.written - tail else { return [] }
    state = .dropping
    return [.startDropping(from..<from), .dropUp(to: account.written - tail)]
  }

  /// So many bytes more of a store go.
  private func drop(_ excess: Int, of kind: OutputStores.Kind, _ account: StreamAccount) -> [Action] {
    guard let range = account.range(of: kind), let open = account.dropped.last else { return [] }
    let end = min(max(range.lowerBound, open.upperBound) + excess, range.upperBound)
    return end > open.upperBound ? [.dropUp(to: end)] : []
  }

  static func roundedUp(_ offset: Int, after start: Int) -> Int {
    start + (offset - start + StreamAccount.block - 1) / StreamAccount.block * StreamAccount.block
  }
}
