internal import SystemCalls
internal import SystemPackage

/// Where the bytes of a stream go, and what is dropped of them: carries out on the page and on the stores what
/// `StreamKeeping` decides. The bytes themselves are moved by the caller.
struct StreamKeeper: Sendable {
  let index: Int
  private let stores: any OutputStoring
  private let status: RelayStatus
  private var keeping: StreamKeeping
  /// Where the next byte goes; nil when no store can take one, or nobody wants it.
  private(set) var store: Int?
  private(set) var written: Int
  private(set) var isDone: Bool

  /// Goes on where a predecessor was, if there was one.
  ///
  /// - Parameter position: of the store in use: it may hold more than its relay could tell.
  init(index: Int, stores: any OutputStoring, status: RelayStatus, position: Int?) {
    self.index = index
    self.stores = stores
    self.status = status
    isDone = status[index].hasEnded
    store = status.currentStore(stream: index)
    written = status[index].written
    keeping = StreamKeeping(isDropping: status.isDropping(stream: index), hasEnded: isDone)
    if let store {
      if let position, position > 0, let start = status.start(of: store, stream: index) {
        written = max(written, start + position)
      }
      status.noteWritten(written, stream: index)
    } else {
      enter(stores.next(after: -1))
    }
  }

  // MARK: What became of the bytes

  /// So many bytes are in the store.
  mutating func note(_ count: Int) {
    written += count
    status.noteWritten(written, stream: index)
  }

  /// So many bytes are in no store, and gone.
  mutating func lose(_ count: Int) {
    perform(.lost(count))
    note(count)
  }

  mutating func end() {
    isDone = true
    perform(.ended)
    status.noteEnd(stream: index)
  }

  // MARK: Stores

  private mutating func enter(_ next: Int?) {
    store = next
    if let next { status.noteStart(written, of: next, stream: index) }
  }

  /// A store cannot be written: make room in it, or go on to the next.
  mutating func storeFailed(_ error: Errno) {
    status.noteError(error, stream: index)
    guard [.noSpace, .diskQuotaExceeded].contains(error), let kind = store.flatMap(OutputStores.Kind.init)
    else { return enter(stores.next(after: store ?? OutputStores.count)) }
    // What is delivered is given back first.
    let account = self.account
    let delivered = account.held(in: kind) - account.waiting(in: kind)
    if let end = account.release(of: delivered, in: kind, beyondReaders: true) { return release(upTo: end) }
    perform(.isFull(kind))
  }

  /// Does what duct has asked for.
  mutating func serveRequests() {
    if isDone { return }
    // The records were removed: nobody wants what comes.
    if status.ending == .removed {
      store = nil
      return
    }
    if store == OutputStores.Kind.log.rawValue, status.isLeavingLogRequested(stream: index) {
      enter(stores.next(after: OutputStores.Kind.log.rawValue))
    }
    if status.isStopRequested(stream: index) { perform(.stopRequested) }
  }

  // MARK: Limits

  var account: StreamAccount {
    var account = StreamAccount(status, index)
    account.written = written
    return account
  }

  /// The most that a kind of store can hold of it, without looking closer.
  func mostHeld(in kind: OutputStores.Kind) -> Int {
    guard let store, store >= kind.rawValue else { return 0 }
    return written - status.released(stream: index)
  }

  /// Has a kind of store hold no more than its limit, in all streams together.
  static func enforce(_ limit: Int, of kind: OutputStores.Kind, _ keepers: inout [StreamKeeper]) {
    guard keepers.reduce(0, { $0 + $1.mostHeld(in: kind) }) > limit else { return }
    for action in StreamLimits(limit: limit, kind: kind).actions(keepers.map(\.account)) {
      switch action {
      case .release(let index, let end): keepers[index].release(upTo: end)
      case .drop(let index, let bytes): keepers[index].perform(.waitsBeyondLimit(kind, by: bytes))
      }
    }
  }

  /// Gives back what comes before a byte.
  private func release(upTo end: Int) {
    status.release(upTo: end, stream: index)
    for store in 1..<OutputStores.count {
      guard let start = status.start(of: store, stream: index), start < end else { continue }
      stores.giveBack(store, 0..<end - start)
    }
  }

  private mutating func perform(_ event: StreamKeeping.Event) {
    for action in keeping.step(event, account) {
      switch action {
      case .startDropping(let range):
        guard status.startDropping(range, stream: index) else { return }
        // What was claimed meanwhile stays; what is claimed from now on ends before this range.
        let claimed = min(status.claimed(stream: index), written)
        if claimed > range.lowerBound {
          let start = StreamKeeping.roundedUp(claimed, after: range.lowerBound)
          status.moveDropped(to: start..<max(start, range.upperBound), stream: index)
        }
      case .dropUp(let end): dropUp(to: end)
      case .stopDropping: status.stopDropping(stream: index)
      case .useNextStore: enter(stores.next(after: store ?? OutputStores.count))
      }
    }
  }

  /// First it counts as dropped, then its bytes go: no reader takes a hole for output.
  private func dropUp(to end: Int) {
    guard let open = status.dropped(stream: index).open, end > open.range.upperBound else { return }
    status.moveDropped(to: open.range.lowerBound..<end, stream: index)
    for store in 1..<OutputStores.count {
      guard let start = status.start(of: store, stream: index) else { continue }
      let from = max(open.range.lowerBound, start)
      if from < end { stores.giveBack(store, from - start..<end - start) }
    }
  }
}
