/// Decides what to release and what to drop when the streams of a run hold more in one kind of store than the
/// limit allows.
struct StreamLimits: Sendable, Equatable {
  enum Action: Sendable, Equatable {
    /// Release the bytes of this stream before offset `upTo`.
    case release(stream: Int, upTo: Int)
    /// Drop this many waiting bytes of this stream.
    case drop(stream: Int, bytes: Int)
  }

  /// Bytes that may wait in all streams together.
  var limit: Int
  var kind: OutputStores.Kind

  /// Bytes over the limit that are tolerated, so that each drop frees whole blocks.
  static let slack = 2 * StreamAccount.block

  /// Bytes to release in addition to the excess, because each release costs a system call.
  private var portion: Int { min(1 << 20, limit / 4) }

  /// Releases delivered bytes first; drops only if the bytes that wait still exceed the limit.
  func actions(_ accounts: [StreamAccount]) -> [Action] {
    var accounts = accounts
    var actions: [Action] = []
    // First release what no reader needs, then also what a slow echo has not yet shown.
    for beyondReaders in [false, true] {
      for index in accounts.indices {
        let excess = accounts.reduce(0) { $0 + $1.held(in: kind) } - limit
        guard excess > 0 else { return actions }
        guard
          let end = accounts[index].release(
            of: excess + portion, in: kind, beyondReaders: beyondReaders)
        else { continue }
        accounts[index].released = end
        actions.append(.release(stream: index, upTo: end))
      }
    }
    let waiting = accounts.map { $0.waiting(in: kind) }
    var excess = waiting.reduce(0, +) - limit
    if excess <= Self.slack { return actions }
    // Drop from the stream with the most waiting bytes first.
    for index in waiting.indices.sorted(by: { waiting[$0] > waiting[$1] }) where excess > 0 {
      let bytes = min(excess, accounts[index].droppable(in: kind))
      if bytes <= 0 { continue }
      actions.append(.drop(stream: index, bytes: bytes))
      excess -= bytes
    }
    return actions
  }
}
