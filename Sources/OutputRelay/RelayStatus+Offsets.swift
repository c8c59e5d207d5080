internal import CSystemCalls
internal import SystemCalls
public import SystemPackage

/// How far each stream is, and which store holds which bytes.
extension RelayStatus {
  /// State of one stream. Offsets are bytes from the start of the run.
  public struct Stream: Sendable, Equatable {
    /// Bytes read from the pipe. Each of them is in a store or was dropped.
    public var written: Int
    /// The error for which the relay last left a store.
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

  /// The stream offset of the first byte in a store. Nil if the store holds nothing.
  func start(of store: Int, stream index: Int) -> Int? {
    let start = duct_load64(startPointer(store, index))
    return start > UInt64(Int.max) ? nil : Int(start)
  }

  /// The store that the relay writes into.
  public func currentStore(stream index: Int) -> Int? {
    (0..<OutputStores.count).last { start(of: $0, stream: index) != nil }
  }

  /// Whether the relay has left the log file: further bytes are in the spool or in memory, and the carrier
  /// delivers them.
  public func hasLeftLog(stream index: Int) -> Bool { (currentStore(stream: index) ?? 0) > 0 }

  /// The offset of the first byte that the relay did not write into the log file itself. The carrier delivers
  /// from there on. Nil if there is none.
  public func deliveryStart(stream index: Int) -> Int? {
    (1..<OutputStores.count).compactMap { start(of: $0, stream: index) }.min()
  }

  /// Bytes of the stream that an fsync in the log directory has covered.
  public func proven(stream index: Int) -> Int { number(streamPointer(index), \.proven) }

  /// Bytes that were handed to a delivery turn. The relay drops none of them.
  func claimed(stream index: Int) -> Int {
    Int(clamping: duct_load64_after(fieldPointer(streamPointer(index), \.claimed)))
  }

  /// No store holds the bytes before this offset any longer.
  public func released(stream index: Int) -> Int { number(streamPointer(index), \.released) }

  /// The first byte that the slowest other reader (the echo) still needs.
  func needed(stream index: Int) -> Int { number(streamPointer(index), \.needed) }

  // MARK: Set by the carrier, and by other readers

  /// Announces that the carrier will read up to `offset`. From then on the relay drops nothing before it.
  ///
  /// Read the dropped ranges after this call, not before: a range that the relay dropped just before the claim is
  /// then visible.
  func claim(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.claimed)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  /// Records that the log directory has the bytes before `offset` on stable storage. The value can shrink, if a
  /// server has lost bytes.
  func prove(upTo offset: Int, stream index: Int) {
    put(UInt64(offset), fieldPointer(streamPointer(index), \.proven))
  }

  /// Records that another reader has reached `offset`, so that bytes from there on should be kept. `.max`: no
  /// reader is left.
  public func noteNeeded(_ offset: Int, stream index: Int) {
    duct_store64(fieldPointer(streamPointer(index), \.needed), UInt64(offset))
  }

  /// Records that no store needs to hold the bytes before `offset`. Call it before punching the holes, so that no
  /// reader takes the zeros of a hole for output.
  func release(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.released)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  // MARK: Set by the relay

  func noteWritten(_ total: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.written)
    duct_store64(pointer, UInt64(total))
    // After a crash, the length of a file store tells `written`, so the copy needs it only while the stream goes
    // to memory.
    if currentStore(stream: index) == OutputStores.Kind.memory.rawValue { copyOut(pointer, 8) }
    wakeAll()
  }

  func noteStart(_ offset: Int, of store: Int, stream index: Int) {
    // So far the length of the previous store gave `written`. From here on it does not, so write it into the
    // copy. At offset 0 the copy already has its initial value.
    if offset > 0 { copyOut(fieldPointer(streamPointer(index), \.written), 8) }
    put(UInt64(offset), startPointer(store, index))
    wakeAll()
  }

  /// Records that a store holds nothing any more. Call it when its bytes are in the store before it, and before they
  /// disappear here.
  func clearStart(of store: Int, stream index: Int) {
    put(UInt64.max, startPointer(store, index))
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

  // MARK: Addresses of the fields

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
