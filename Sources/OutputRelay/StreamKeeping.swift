/// Decides what a stream drops when its stores cannot keep everything. Makes no calls. docs/architecture.md draws
/// the states.
///
/// Example: 100 bytes wait in the spool and the limit is 60 (rounding to blocks left out). The first and the last
/// half of the 60 bytes stay, so the relay drops 30..<70:
///
///     0 .......... 30 ~~~~ dropped ~~~~ 70 .......... 100
///
/// Then the command prints 20 more bytes: the relay extends the range to 30..<90. When delivery reaches offset
/// 30, it requests the end of the range. The range stays 30..<90, and the log file gets a mark with "60 bytes".
/// If more waits later, a new range begins.
///
/// If bytes before 50 are claimed, the range begins at 50, and the last 10 bytes stay: 50..<90 is dropped. In
/// memory the oldest bytes are dropped: 0..<40.
struct StreamKeeping: Sendable, Equatable {
  enum State: Sendable, Equatable {
    /// Every byte goes to a store and stays there until it is proven.
    case keeping
    /// The relay drops the oldest bytes that are not claimed, as long as more waits than the limit allows. They
    /// form one range whose end grows.
    case dropping
    case ended
  }

  enum Event: Sendable, Equatable {
    /// This many bytes more wait in a store than the limit allows.
    case waitsBeyondLimit(OutputStores.Kind, by: Int)
    /// A store takes no more bytes, for lack of space.
    case isFull(OutputStores.Kind)
    /// No store took the latest bytes of the stream; this is their number.
    case lost(Int)
    /// Delivery has reached the range that is being dropped and requests its end.
    case stopRequested
    case ended
  }

  enum Action: Sendable, Equatable {
    /// Begin to drop this range. The runner moves its start behind what is claimed; then the bytes are dropped.
    case startDropping(Range<Int>)
    /// Extend the range that is being dropped to this offset.
    case dropUp(to: Int)
    case stopDropping
    /// Continue in the next store, because this one takes no more.
    case useNextStore
  }

  /// If less than this waits on a full disk, dropping is not worth a gap: the memory store can take as much.
  /// Bytes.
  static let leastWorth = 32 << 20
  /// Bytes to free on a full disk, enough for several moves from the pipe.
  static let roomToMake = 4 << 20

  private(set) var state: State

  init(isDropping: Bool, hasEnded: Bool) { state = hasEnded ? .ended : isDropping ? .dropping : .keeping }

  /// Returns the actions for an event.
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
      // If the page cannot remember another range, the stream could not begin to drop again. So the range stays
      // open.
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
      // The bytes between the two ranges are in a store and stay.
      return [.stopDropping, .startDropping(account.written..<end)]
    }
  }

  /// Keeps the first and the last half of what may stay and drops the bytes between.
  private mutating func startDropping(
    _ kind: OutputStores.Kind, _ account: StreamAccount, _ excess: Int
  ) -> [Action] {
    guard let range = account.range(of: kind) else { return [] }
    // Bytes before an earlier range are delivered first, so the new range begins behind it.
    let marked = account.dropped.last?.upperBound ?? 0
    let first = max(range.lowerBound, account.released, account.proven, marked)
    let stays = max(account.written - first - max(excess, 0), 0)
    // In memory the oldest bytes are dropped, so that the latest output of a run stays.
    let head = kind == .memory ? 0 : stays / 2
    let from = Self.roundedUp(max(first + head, account.claimed), after: range.lowerBound)
    let tail = max(stays - (from - first), 0)
    guard from < account.written - tail else { return [] }
    state = .dropping
    return [.startDropping(from..<from), .dropUp(to: account.written - tail)]
  }

  /// Extends the dropped range by `excess` bytes of a store.
  private func drop(_ excess: Int, of kind: OutputStores.Kind, _ account: StreamAccount) -> [Action] {
    guard let range = account.range(of: kind), let open = account.dropped.last else { return [] }
    let end = min(max(range.lowerBound, open.upperBound) + excess, range.upperBound)
    return end > open.upperBound ? [.dropUp(to: end)] : []
  }

  static func roundedUp(_ offset: Int, after start: Int) -> Int {
    start + (offset - start + StreamAccount.block - 1) / StreamAccount.block * StreamAccount.block
  }
}
