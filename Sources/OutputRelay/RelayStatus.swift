internal import CSystemCalls
import Glibc
internal import SystemCalls
public import SystemPackage

/// The page of memory that the relay and duct share: what has been moved from the pipes to the stores, and what of
/// it has been delivered.
///
/// Followers wait on it with a futex. inotify would do too, but a user has 128 inotify instances at
/// most, and a login node's user may run many ducts. It outlives a relay, so that its successor (or
/// duct itself) goes on counting where it was.
///
/// The page is memory that nobody can shorten: a mapped file in the spool could be, by the command too, and that
/// would end every process that has it mapped. A run with a spool has a copy of the page in a file. Whoever changes
/// a number writes it there as well; only `written` is left out where the length of a store says it. What belongs
/// together goes there in one write, which a signal does not cut in two: it lies within 4096 bytes of the file.
public final class RelayStatus: @unchecked Sendable {
  public static let streamCount = 2
  static let version: UInt32 = 4
  static let size = MemoryLayout<duct_relay_status>.size
  /// No file is longer, nor a run's output.
  static let mostBytes = 1 << 60

  /// To hand on to a relay.
  public let descriptor: FileDescriptor
  /// The copy in the spool, to hand on as well.
  public let copy: FileDescriptor?
  let page: UnsafeMutablePointer<duct_relay_status>

  /// A fresh page in memory.
  public convenience init() throws(Errno) { try self.init(fresh: nil) }

  /// A fresh page, with a copy in a new file.
  public convenience init(creating path: FilePath) throws(Errno) {
    let file = try FileDescriptor.opening(
      path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    do throws(Errno) {
      // All of it: a disk that gets full later must not keep a number from being noted.
      try throwIfErrno(duct_allocate(file.rawValue, Self.size))
      try self.init(fresh: file)
    } catch {
      file.closeQuietly()
      throw error
    }
  }

  /// A fresh page, with a copy in an empty file.
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

  /// The page behind a descriptor that was handed on.
  ///
  /// - Throws: EINVAL for a file that is no such page.
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

  /// A copy that cannot be written is as old as it is; the page itself is what a run goes by.
  func copyOut(_ part: UnsafeRawPointer, _ count: Int) {
    guard let copy else { return }
    _ = pwrite(copy.rawValue, part, count, off_t(part - UnsafeRawPointer(page)))
  }

  /// All from the beginning of one field to the end of another, in one write.
  func copyOut<Last>(_ first: UnsafeRawPointer, through last: UnsafeMutablePointer<Last>) {
    copyOut(first, UnsafeRawPointer(last) + MemoryLayout<Last>.size - first)
  }

  // MARK: C arrays are tuples in Swift; their elements lie one behind the other

  func streamPointer(_ index: Int) -> UnsafeMutablePointer<duct_relay_stream> {
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.streams) ?? 0
    return (UnsafeMutableRawPointer(page) + offset)
      .assumingMemoryBound(to: duct_relay_stream.self) + index
  }

  /// Inlined, the key path costs nothing.
  @inline(__always)
  func fieldPointer<Container, Value>(
    _ container: UnsafeMutablePointer<Container>, _ field: KeyPath<Container, Value>
  ) -> UnsafeMutablePointer<Value> {
    let offset = MemoryLayout<Container>.offset(of: field) ?? 0
    return (UnsafeMutableRawPointer(container) + offset).assumingMemoryBound(to: Value.self)
  }
}
