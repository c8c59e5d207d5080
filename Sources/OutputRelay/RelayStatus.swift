internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// The memory page that duct, relay and carrier share: which bytes the relay has moved from the pipes to which
/// store, and which of them are delivered.
///
///     field                            written by             read by
///     sequence (futex word)            duct, relay            duct (sleeps on it)
///     sync_requested, leave_log        duct                   relay
///     sync_done                        relay                  duct
///     spool_limit, memory_limit        duct                   relay, carrier
///     command_pid, command_start       duct                   relay
///     ending                           duct                   relay, recover
///     command_end                      relay                  recover
///     each stream
///       written, starts, ended         relay                  duct, carrier, recover
///       error                          relay                  tests
///       dropped, is_dropping           relay                  duct, carrier, recover
///       stop_dropping                  carrier (relay clears) relay
///       claimed                        carrier                relay
///       proven                         carrier                relay, duct, recover
///       released                       relay, carrier         relay, duct, carrier
///       needed (by the echo)           duct                   relay, carrier
///       unreadable                     carrier                duct, carrier
///     each file in the log directory
///       targets (identities)           carrier, duct          carrier, duct, recover
///
/// The carrier is a thread of duct or, for a remote log directory, a process. `recover` reads the copy, writes
/// what it settles and then acts as carrier. For a stream that has ended, duct may set `starts`
/// (`leaveLogAfterEnd`).
///
/// The four offsets of a stream are ordered: released <= proven <= claimed <= written. An example with 100
/// printed bytes:
///
///     0 ........ 20 ........ 50 ........ 80 ........ 100
///             released     proven     claimed      written
///
///     0..<20     in the log file; their space in the spool was given back
///     20..<50    in the log file; the spool keeps them to repair a truncated log file
///     50..<80    handed to a delivery turn; the relay does not drop them
///     80..<100   wait; the relay may drop them when the limit is exceeded
///     50..<100   count against the limit, because they are not proven
///
/// Readers wait for changes with a futex in the page, not with inotify: a user has at most 128 inotify instances,
/// and a user of a login node may run many ducts. The page outlives a relay, so its successor (or duct itself)
/// continues to count from there.
///
/// The page is a sealed memory file that no process can shorten. A mapped file in the spool could be truncated,
/// also by the command, and that would kill every process that has it mapped. If the run has a spool folder, a
/// file there holds a copy of the page. Each writer of a number that `recover` needs also writes it into the copy.
/// The exception is `written`, while the length of a store tells it. Numbers that belong together go into the copy
/// with one write. They lie within 4096 bytes of the file, so a signal does not interrupt the write halfway.
public final class RelayStatus: @unchecked Sendable {
  public static let streamCount = 2
  static let version: UInt32 = 4
  static let size = MemoryLayout<duct_relay_status>.size
  /// Upper limit of the bytes in a file or in a run's output. A larger number proves that a page is damaged.
  static let mostBytes = 1 << 60

  /// The memory file of the page, to pass on to a relay.
  public let descriptor: FileDescriptor
  /// The copy in the spool, to pass on to a relay.
  public let copy: FileDescriptor?
  let page: UnsafeMutablePointer<duct_relay_status>

  /// Creates a page in memory, without a copy.
  public convenience init() throws(Errno) { try self.init(fresh: nil) }

  /// Creates a page, with a copy in a new file.
  public convenience init(creating path: FilePath) throws(Errno) {
    let file = try FileDescriptor.opening(
      path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    do throws(Errno) {
      // Allocate the whole file: otherwise a disk that fills up later could prevent a number from being recorded.
      try throwIfErrno(duct_allocate(file.rawValue, Self.size))
      try self.init(fresh: file)
    } catch {
      file.closeQuietly()
      throw error
    }
  }

  /// Creates a page, with a copy in an empty file.
  convenience init(fresh copy: FileDescriptor?) throws(Errno) {
    try self.init(mapping: Self.memory(), copy: copy)
    page.pointee.version = Self.version
    for index in 0..<Self.streamCount {
      streamPointer(index).pointee.needed = .max
      withUnsafeMutableBytes(of: &streamPointer(index).pointee.starts) { starts in
        starts.bindMemory(to: UInt64.self).update(repeating: .max)
      }
    }
    copyOut(page, Self.size)
  }

  static func memory() throws(Errno) -> FileDescriptor {
    FileDescriptor(
      rawValue: try valueOrErrno { duct_sealed_memory_file("duct relay status", size) })
  }

  /// Maps the page of a descriptor that this process got from duct.
  ///
  /// - Throws: EINVAL if the file is not such a page.
  public init(mapping descriptor: FileDescriptor, copy: FileDescriptor?) throws(Errno) {
    var information = stat()
    try valueOrErrno { fstat(descriptor.rawValue, &information) }
    guard information.st_size == Self.size else { throw .invalidArgument }
    let address = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.rawValue, 0)
    guard let address, address != MAP_FAILED else { throw Errno(rawValue: errno) }
    self.descriptor = descriptor
    self.copy = copy
    page = address.bindMemory(to: duct_relay_status.self, capacity: 1)
  }

  deinit {
    munmap(page, Self.size)
    descriptor.closeQuietly()
    copy?.closeQuietly()
  }

  // MARK: Numbers, and their copies

  func put(_ value: UInt64, _ pointer: UnsafeMutablePointer<UInt64>) {
    duct_store64(pointer, value)
    copyOut(pointer, 8)
  }

  func put(_ value: UInt32, _ pointer: UnsafeMutablePointer<UInt32>) {
    duct_store32(pointer, value)
    copyOut(pointer, 4)
  }

  /// Writes a part of the page into the copy. If that fails, the copy stays at its old state; the run itself uses
  /// only the page.
  func copyOut(_ part: UnsafeRawPointer, _ count: Int) {
    guard let copy else { return }
    _ = pwrite(copy.rawValue, part, count, off_t(part - UnsafeRawPointer(page)))
  }

  /// Copies from the start of one field to the end of another, in one write.
  func copyOut<Last>(_ first: UnsafeRawPointer, through last: UnsafeMutablePointer<Last>) {
    copyOut(first, UnsafeRawPointer(last) + MemoryLayout<Last>.size - first)
  }

  // MARK: C arrays are tuples in Swift; their elements are contiguous

  func streamPointer(_ index: Int) -> UnsafeMutablePointer<duct_relay_stream> {
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.streams) ?? 0
    return (UnsafeMutableRawPointer(page) + offset)
      .assumingMemoryBound(to: duct_relay_stream.self) + index
  }

  /// Inlined, so the key path costs nothing at run time.
  @inline(__always)
  func fieldPointer<Container, Value>(
    _ container: UnsafeMutablePointer<Container>, _ field: KeyPath<Container, Value>
  ) -> UnsafeMutablePointer<Value> {
    let offset = MemoryLayout<Container>.offset(of: field) ?? 0
    return (UnsafeMutableRawPointer(container) + offset).assumingMemoryBound(to: Value.self)
  }
}
