internal import CSystemCalls
import Glibc
public import SystemCalls
public import SystemPackage

/// The page of memory that the relay and duct share: what has been moved from the pipes to the files.
///
/// Followers wait on it with a futex. inotify would do too, but a user has 128 inotify instances at
/// most, and a login node's user may run many ducts. It outlives a relay, so that its successor (or
/// duct itself) goes on counting where it was.
public final class RelayStatus: @unchecked Sendable {
  public static let streamCount = 2

  /// What is known of one stream. Bytes are counted from the start of the run.
  public struct Stream: Sendable, Equatable {
    public var written: Int
    public var waiting: Int
    public var lost: Int
    public var error: Errno?
    public var hasEnded: Bool
  }

  /// To hand on to a relay.
  public let descriptor: FileDescriptor
  private let page: UnsafeMutablePointer<duct_relay_status>

  /// A fresh page.
  public convenience init() throws(Errno) {
    let size = MemoryLayout<duct_relay_status>.size
    let number = try valueOrErrno { duct_memory_file("duct relay status", size) }
    try self.init(mapping: FileDescriptor(rawValue: number))
  }

  /// The page behind a descriptor that was handed on.
  public init(mapping descriptor: FileDescriptor) throws(Errno) {
    let size = MemoryLayout<duct_relay_status>.size
    let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.rawValue, 0)
    guard let address, address != MAP_FAILED else { throw Errno(rawValue: errno) }
    self.descriptor = descriptor
    page = address.bindMemory(to: duct_relay_status.self, capacity: 1)
  }

  deinit {
    munmap(page, MemoryLayout<duct_relay_status>.size)
    descriptor.closeQuietly()
  }

  // MARK: Reading

  public subscript(index: Int) -> Stream {
    let stream = streamPointer(index)
    let error = duct_load32(&stream.pointee.error)
    return Stream(
      written: Int(duct_load64(&stream.pointee.written)),
      waiting: Int(duct_load64(&stream.pointee.waiting)),
      lost: Int(duct_load64(&stream.pointee.lost)),
      error: error == 0 ? nil : Errno(rawValue: CInt(error)),
      hasEnded: duct_load32(&stream.pointee.ended) != 0)
  }

  /// Grows with every change. Read it before looking at anything that `waitForChange` waits for.
  public var sequence: UInt32 { duct_load32(&page.pointee.sequence) }

  /// Waits until `sequence` is no longer `known`. False when the deadline passes first.
  @discardableResult
  public func waitForChange(from known: UInt32, until deadline: MonotonicInstant? = nil) -> Bool {
    while sequence == known {
      let left = deadline.map { $0.nanoseconds - MonotonicInstant.now.nanoseconds }
      if let left, left <= 0 { return false }
      _ = duct_wait32(&page.pointee.sequence, known, left ?? -1)
    }
    return true
  }

  /// Wakes everyone who waits, for a reason that is not on this page.
  public func wakeAll() {
    _ = duct_add32(&page.pointee.sequence, 1)
    duct_wake32(&page.pointee.sequence)
  }

  // MARK: Asking for what is in the pipes

  /// Asks the relay to move all that the pipes hold by now. It must be woken for it.
  ///
  /// - Returns: the request's number, for `isSynced`.
  public func requestSync() -> UInt32 { duct_add32(&page.pointee.sync_requested, 1) }

  public func isSynced(_ request: UInt32) -> Bool {
    Int32(bitPattern: duct_load32(&page.pointee.sync_done) &- request) >= 0
  }

  // MARK: The relay's side

  /// The number of a request that has not been carried out.
  var waitingSync: UInt32? {
    let requested = duct_load32(&page.pointee.sync_requested)
    return requested == duct_load32(&page.pointee.sync_done) ? nil : requested
  }

  func noteSynced(_ request: UInt32) {
    duct_store32(&page.pointee.sync_done, request)
    wakeAll()
  }

  func noteWritten(_ bytes: Int, stream index: Int) {
    duct_add64(&streamPointer(index).pointee.written, UInt64(bytes))
    wakeAll()
  }

  func noteWaiting(change: Int, stream index: Int) {
    duct_add64(&streamPointer(index).pointee.waiting, UInt64(bitPattern: Int64(change)))
  }

  func noteLost(_ bytes: Int, stream index: Int) {
    duct_add64(&streamPointer(index).pointee.lost, UInt64(bytes))
  }

  func noteError(_ error: Errno?, stream index: Int) {
    duct_store32(&streamPointer(index).pointee.error, UInt32(error?.rawValue ?? 0))
    wakeAll()
  }

  func noteEnd(stream index: Int) {
    duct_store32(&streamPointer(index).pointee.ended, 1)
    wakeAll()
  }

  private func streamPointer(_ index: Int) -> UnsafeMutablePointer<duct_relay_stream> {
    // A C array is a tuple in Swift; its elements lie one behind the other.
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.streams) ?? 0
    return (UnsafeMutableRawPointer(page) + offset)
      .assumingMemoryBound(to: duct_relay_stream.self) + index
  }
}
