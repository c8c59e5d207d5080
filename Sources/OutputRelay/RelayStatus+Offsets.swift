internal import CSystemCalls
internal import SystemCalls
public import SystemPackage

/// How far each stream is, and which store holds it.
extension RelayStatus {
  /// What is known of one stream. Bytes are counted from the start of the run.
  public struct Stream: Sendable, Equatable {
    /// Bytes taken from the pipe: each is in a store, or was dropped.
    public var written: Int
    /// What made the relay leave a store.
    public var error: Errno?
    public var hasEnded: Bool
  }

  public subscript(index: Int) -> Stream {
    let stream = streamPointer(index)
    let error = duct_load32(&stream.pointee.error)
    return Stream(
      written: Int(clamping: duct_load64(&stream.pointee.written)),
      error: error == 0 ? nil : Errno(rawValue: CInt(clamping: error)),
      hasEnded: duct_load32(&stream.pointee.ended) != 0)
  }

  /// The first byte that a store holds; nil while it holds none.
  func start(of store: Int, stream index: Int) -> Int? {
    let start = duct_load64(startPointer(store, index))
    return start > UInt64(Int.max) ? nil : Int(start)
  }

  /// The store that the stream goes to now.
  public func currentStore(stream index: Int) -> Int? {
    (0..<OutputStores.count).last { start(of: $0, stream: index) != nil }
  }

  /// Whether the log file was left: its rest is in the spool or in memory.
  public func hasLeftLog(stream index: Int) -> Bool { (currentStore(stream: index) ?? 0) > 0 }

  /// The first byte that is not in the log file by the relay's own doing.
  public func deliveryStart(stream index: Int) -> Int? {
    (1..<OutputStores.count).compactMap { start(of: $0, stream: index) }.min()
  }

  /// Bytes of a stream that an fsync in the log directory has covered.
  public func proven(stream index: Int) -> Int { number(streamPointer(index), \.proven) }

  /// Bytes that delivery has begun with: they are not dropped any more.
  func claimed(stream index: Int) -> Int {
    Int(clamping: duct_load64_after(fieldPointer(streamPointer(index), \.claimed)))
  }

  /// Bytes before this are in no store any more.
  func released(stream index: Int) -> Int { number(streamPointer(index), \.released) }

  /// The byte that the slowest other reader is at.
  func needed(stream index: Int) -> Int { number(streamPointer(index), \.needed) }

  // MARK: Set by delivery, and by other readers

  /// Delivery is about to read up to byte `offset`: from now on nothing before it is dropped.
  ///
  /// What has been dropped must be read after this.
  func claim(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.claimed)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  /// So many bytes are proven to be in the log directory. Fewer than before where a server took them back.
  func prove(upTo offset: Int, stream index: Int) {
    put(UInt64(offset), fieldPointer(streamPointer(index), \.proven))
  }

  /// Another reader is at byte `offset`: what comes from there on should be kept. `.max`: none is left.
  public func noteNeeded(_ offset: Int, stream index: Int) {
    duct_store64(fieldPointer(streamPointer(index), \.needed), UInt64(offset))
  }

  /// No store must hold what comes before byte `offset`. Whoever punches the holes does so after this, so that no
  /// reader takes a hole for output.
  func release(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.released)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  // MARK: Set by the relay

  func noteWritten(_ total: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.written)
    duct_store64(pointer, UInt64(total))
    // The length of a file says as much; of memory nothing is left to say it.
    if currentStore(stream: index) == OutputStores.Kind.memory.rawValue { copyOut(pointer, 8) }
    wakeAll()
  }

  func noteStart(_ offset: Int, of store: Int, stream index: Int) {
    // The length of the store before says nothing any more. Before the first byte the copy is as it was made.
    if offset > 0 { copyOut(fieldPointer(streamPointer(index), \.written), 8) }
    put(UInt64(offset), startPointer(store, index))
    wakeAll()
  }

  func noteError(_ error: Errno?, stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.error), UInt32(error?.rawValue ?? 0))
    wakeAll()
  }

  func noteEnd(stream index: Int) {
    copyOut(fieldPointer(streamPointer(index), \.written), 8)
    put(1 as UInt32, fieldPointer(streamPointer(index), \.ended))
    wakeAll()
  }

  // MARK: Where they are

  @inline(__always)
  private func number(
    _ stream: UnsafeMutablePointer<duct_relay_stream>, _ field: KeyPath<duct_relay_stream, UInt64>
  ) -> Int { Int(clamping: duct_load64(fieldPointer(stream, field))) }

  private func startPointer(_ store: Int, _ index: Int) -> UnsafeMutablePointer<UInt64> {
    let offset = MemoryLayout<duct_relay_stream>.offset(of: \.starts) ?? 0
    return (UnsafeMutableRawPointer(streamPointer(index)) + offset)
      .assumingMemoryBound(to: UInt64.self) + store
  }
}
