internal import SystemCalls
internal import SystemPackage

/// Tracks which store the bytes of a stream go to and what is dropped. Carries out on the page and the stores
/// what `StreamKeeping` decides. The caller (`RelayStream`) moves the bytes.
struct StreamKeeper: Sendable {
  let index: Int
  private let stores: any OutputStoring
  private let status: RelayStatus
  private var keeping: StreamKeeping
  /// The store for the next byte. Nil if no store can take it, or if the records of the run were removed.
  private(set) var store: Int?
  private(set) var written: Int
  private(set) var isDone: Bool

  /// Continues where a previous relay was, if there was one.
  ///
  /// - Parameter position: the file position of the store in use. It may be ahead of what the previous relay
  ///   recorded.
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

  // MARK: Accounting of bytes

  /// Records that the store has taken `count` bytes.
  mutating func note(_ count: Int) {
    written += count
    status.noteWritten(written, stream: index)
  }

  /// Records that no store has taken `count` bytes: they are dropped.
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

  /// Continues in the spool, which has all bytes that were in memory.
  mutating func leaveMemory() {
    status.clearStart(of: OutputStores.Kind.memory.rawValue, stream: index)
    store = OutputStores.Kind.spool.rawValue
  }

  /// Handles a failed write into the store: makes room in the store, or continues in the next one.
  mutating func storeFailed(_ error: Errno) {
    status.noteError(error, stream: index)
    guard [.noSpace, .diskQuotaExceeded].contains(error), let kind = store.flatMap(OutputStores.Kind.init)
    else { return enter(stores.next(after: store ?? OutputStores.count)) }
    // Delivered bytes are released first.
    let account = self.account
    let delivered = account.held(in: kind) - account.waiting(in: kind)
    if let end = account.release(of: delivered, in: kind, beyondReaders: true) { return release(upTo: end) }
    perform(.isFull(kind))
  }

  /// Carries out the requests that duct and the carrier have set in the page.
  mutating func serveRequests() {
    if isDone { return }
    // The records were removed, so no more output is kept.
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

  /// Upper limit of what one kind of store holds of this stream; cheap to compute.
  func mostHeld(in kind: OutputStores.Kind) -> Int {
    guard let store, store >= kind.rawValue else { return 0 }
    return written - status.released(stream: index)
  }

  /// Makes all streams together hold no more than the limit in one kind of store.
  static func enforce(_ limit: Int, of kind: OutputStores.Kind, _ keepers: inout [StreamKeeper]) {
    guard keepers.reduce(0, { $0 + $1.mostHeld(in: kind) }) > limit else { return }
    for action in StreamLimits(limit: limit, kind: kind).actions(keepers.map(\.account)) {
      switch action {
      case .release(let index, let end): keepers[index].release(upTo: end)
      case .drop(let index, let bytes): keepers[index].perform(.waitsBeyondLimit(kind, by: bytes))
      }
    }
  }

  /// Releases the bytes before an offset and frees their space.
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
        // What was claimed in the meantime is not dropped: move the start of the range behind it. A claim made
        // from here on ends before this range.
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

  /// Records the bytes as dropped first, then punches the hole, so that no reader takes its zeros for output.
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
