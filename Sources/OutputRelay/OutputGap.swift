internal import CSystemCalls
internal import SystemCalls
internal import SystemPackage

/// What a stream lets go for lack of space: the middle of what waits, so that its beginning and its
/// latest bytes are kept, or the oldest where memory alone is left.
struct OutputGap {
  private static let block = 4096
  /// Less than this is not worth a gap on disk: memory holds as much.
  private static let leastWorth = 32 << 20

  private let index: Int
  private let stores: OutputStores
  private let status: RelayStatus
  /// How much of the end is kept while the gap is open.
  private var tail = 0

  init(stream index: Int, stores: OutputStores, status: RelayStatus) {
    self.index = index
    self.stores = stores
    self.status = status
    // A successor keeps what its predecessor kept.
    if let gap = open?.gap { tail = max(status[index].written - gap.upperBound, 0) }
  }

  private var open: (number: Int, gap: RelayStatus.Gap)? {
    let (gaps, lastIsOpen) = status.gaps(stream: index)
    guard lastIsOpen, let gap = gaps.last else { return nil }
    return (gaps.count - 1, gap)
  }

  /// Bytes that a kind of store holds and must keep.
  func held(in kind: OutputStores.Kind, written: Int) -> Int {
    guard let start = status.start(of: kind.rawValue, stream: index) else { return 0 }
    let end =
      (kind.rawValue + 1..<OutputStores.count)
      .compactMap { status.start(of: $0, stream: index) }.min() ?? written
    let first = max(start, status.released(stream: index))
    guard first < end else { return 0 }
    let lost = status.gaps(stream: index).gaps.map { $0.clamped(to: first..<end).count }.reduce(0, +)
    return end - first - lost
  }

  // MARK: Opening

  /// From here on the store holds no more than now.
  mutating func limit(_ kind: OutputStores.Kind, written: Int) {
    guard open == nil, let start = status.start(of: kind.rawValue, stream: index) else { return }
    let first = max(start, status.released(stream: index), status.published(stream: index))
    let waiting = written - first
    guard waiting > 2 * Self.block else { return }
    // In memory the oldest goes first, so that the latest words of a run are there.
    let head = kind == .memory ? 0 : waiting / 2
    tail = waiting - head - Self.block
    let from = roundedUp(first + head, after: start)
    if status.openGap(from..<from, stream: index) { advance(written: written) }
  }

  /// Gives up a part of what the spool's file holds, since its disk is full.
  ///
  /// - Returns: whether there was anything worth it.
  mutating func makeRoom(written: Int) -> Bool {
    if open == nil {
      guard held(in: .spool, written: written) >= Self.leastWorth else { return false }
      limit(.spool, written: written)
      guard open != nil else { return false }
    }
    let before = open?.gap.upperBound ?? 0
    // Space for some moves to come. When even that is used up, memory is next.
    tail = max(tail - (4 << 20), 0)
    advance(written: written)
    return (open?.gap.upperBound ?? 0) > before
  }

  /// Nothing can keep these bytes.
  mutating func extend(from start: Int, to end: Int) {
    if let open {
      status.moveGap(open.number, to: open.gap.lowerBound..<end, stream: index)
    } else {
      _ = status.openGap(start..<end, stream: index)
    }
    tail = 0
  }

  // MARK: While it is open

  /// Lets go of what is no longer among the latest bytes.
  mutating func advance(written: Int) {
    guard let open else { return }
    let end = written - tail
    guard end - open.gap.upperBound >= Self.block else { return }
    // First it is a gap, then its bytes go: no reader takes a hole for output.
    status.moveGap(open.number, to: open.gap.lowerBound..<end, stream: index)
    for (store, file) in stores.files.enumerated() where store > 0 {
      guard let file, let start = status.start(of: store, stream: index) else { continue }
      let from = max(open.gap.lowerBound, start)
      if from < end { _ = duct_punch_hole(file.rawValue, UInt64(from - start), UInt64(end - from)) }
    }
  }

  func close() { if open != nil { status.closeGap(stream: index) } }

  private func roundedUp(_ offset: Int, after start: Int) -> Int {
    start + (offset - start + Self.block - 1) / Self.block * Self.block
  }
}
