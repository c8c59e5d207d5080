/// How much the streams of a run may hold together in one kind of store, and what is done about more.
struct StreamLimits: Sendable, Equatable {
  enum Action: Sendable, Equatable {
    /// Stream number so and so gives back what comes before a byte.
    case release(stream: Int, upTo: Int)
    /// More waits than may: so much of that stream goes.
    case drop(stream: Int, bytes: Int)
  }

  /// Bytes.
  var limit: Int
  var kind: OutputStores.Kind

  /// While bytes are dropped, whole blocks of them go.
  static let slack = 2 * StreamAccount.block

  /// Released at a time: each costs a call.
  private var portion: Int { min(1 << 20, limit / 4) }

  /// What is delivered goes first: only what waits counts against the limit.
  func actions(_ accounts: [StreamAccount]) -> [Action] {
    var accounts = accounts
    var actions: [Action] = []
    // What a slow reader has not seen goes after what nobody needs.
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
    // The one of which most waits has most to give.
    for index in waiting.indices.sorted(by: { waiting[$0] > waiting[$1] }) where excess > 0 {
      let bytes = min(excess, accounts[index].droppable(in: kind))
      if bytes <= 0 { continue }
      actions.append(.drop(stream: index, bytes: bytes))
      excess -= bytes
    }
    return actions
  }
}
