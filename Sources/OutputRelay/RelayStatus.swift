internal import CSystemCalls
import Glibc
public import SystemCalls
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
/// a number writes it there as well; only `written` is left out where the length of a store says it.
public final class RelayStatus: @unchecked Sendable {
  public static let streamCount = 2
  static let version: UInt32 = 2
  static let size = MemoryLayout<duct_relay_status>.size
  /// No file is longer, nor a run's output.
  static let mostBytes = 1 << 60

  /// How duct has ended, for the relay that outlives it.
  public enum Ending: UInt32, Sendable {
    /// Not at all, or it was killed.
    case none = 0
    /// Everything is where it belongs, and the spool is gone.
    case done = 1
    /// All but what is still in the pipes: the command has left processes that hold them.
    case leftToRelay = 2
    /// Something could not be delivered, and the user was told.
    case told = 3
    /// The records were removed, as the user wants it of a command that fails at once: what comes is dropped.
    case removed = 4
  }

  /// What is known of one stream. Bytes are counted from the start of the run.
  public struct Stream: Sendable, Equatable {
    /// Bytes taken from the pipe: each is in a store, or was dropped.
    public var written: Int
    /// What made the relay leave a store.
    public var error: Errno?
    public var hasEnded: Bool
  }

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

  private static func memory() throws(Errno) -> FileDescriptor {
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

  /// What a run has left: the copy in its spool. Its numbers may be anything: see `isPlausible`.
  ///
  /// - Throws: EINVAL for a file that is no such page.
  public convenience init(left copy: FileDescriptor) throws(Errno) {
    var information = stat()
    try valueOrErrno { fstat(copy.rawValue, &information) }
    guard information.st_mode & S_IFMT == S_IFREG, information.st_size == Self.size else {
      throw .invalidArgument
    }
    try self.init(mapping: Self.memory(), copy: copy)
    let got = try valueOrErrno { pread(copy.rawValue, page, Self.size, 0) }
    guard got == Self.size, page.pointee.version == Self.version else { throw .invalidArgument }
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

  // MARK: Reading

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
  public func firstCarried(stream index: Int) -> Int? {
    (1..<OutputStores.count).compactMap { start(of: $0, stream: index) }.min()
  }

  /// Bytes of a stream that an fsync in the log directory has covered.
  public func proven(stream index: Int) -> Int { number(streamPointer(index), \.proven) }

  /// Bytes that delivery has begun with: they are not dropped any more.
  public func claimed(stream index: Int) -> Int {
    Int(clamping: duct_load64_after(fieldPointer(streamPointer(index), \.claimed)))
  }

  /// Bytes before this are in no store any more.
  public func released(stream index: Int) -> Int { number(streamPointer(index), \.released) }

  /// The byte that the slowest other reader is at.
  public func needed(stream index: Int) -> Int { number(streamPointer(index), \.needed) }

  @inline(__always)
  private func number(
    _ stream: UnsafeMutablePointer<duct_relay_stream>, _ field: KeyPath<duct_relay_stream, UInt64>
  ) -> Int { Int(clamping: duct_load64(fieldPointer(stream, field))) }

  public var ending: Ending { Ending(rawValue: duct_load32(&page.pointee.ending)) ?? .none }

  /// The command, once it has been started.
  public var command: CommandIdentity? {
    CommandIdentity(
      pid: pid_t(bitPattern: duct_load32(&page.pointee.command_pid)),
      start: duct_load64(&page.pointee.command_start))
  }

  /// When the command ended, in seconds since 1970, if duct had gone before.
  public var commandEnd: Double? {
    let end = duct_load64(&page.pointee.command_end)
    return end == 0 ? nil : Double(end) / 1000
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

  // MARK: duct's side

  /// Bytes that the spool's files and memory may hold; nil: no limit but that of the disk.
  public func setLimits(spool: Int?, memory: Int) {
    put(UInt64(max(spool ?? 0, 0)), fieldPointer(page, \.spool_limit))
    put(UInt64(max(memory, 0)), fieldPointer(page, \.memory_limit))
  }

  public func noteCommand(_ command: CommandIdentity) {
    put(command.start, fieldPointer(page, \.command_start))
    put(UInt32(bitPattern: command.pid), fieldPointer(page, \.command_pid))
  }

  /// Delivery is about to read up to byte `offset`: from now on nothing before it is dropped.
  ///
  /// What has been dropped must be read after this.
  public func claim(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.claimed)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  /// So many bytes are proven to be in the log directory. Fewer than before where a server took them back.
  public func prove(upTo offset: Int, stream index: Int) {
    put(UInt64(offset), fieldPointer(streamPointer(index), \.proven))
  }

  /// Another reader is at byte `offset`: what comes from there on should be kept. `.max`: none is left.
  public func noteNeeded(_ offset: Int, stream index: Int) {
    duct_store64(fieldPointer(streamPointer(index), \.needed), UInt64(offset))
  }

  /// No store must hold what comes before byte `offset`. Whoever punches the holes does so after this, so that no
  /// reader takes a hole for output.
  public func release(upTo offset: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.released)
    if duct_raise64(pointer, UInt64(offset)) { copyOut(pointer, 8) }
  }

  /// Asks for the end of what is being dropped to be fixed. The relay must be woken for it.
  public func requestStopDropping(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.stop_dropping), 1)
  }

  /// Asks for a log file to be left. The relay must be woken for it.
  public func requestLeavingLog(stream index: Int) {
    duct_store32(fieldPointer(streamPointer(index), \.leave_log), 1)
  }

  /// The log file of a stream that has ended is left: the relay does nothing with it any more.
  public func leaveLogAfterEnd(for store: Int, stream index: Int) {
    guard self[index].hasEnded, !hasLeftLog(stream: index) else { return }
    noteStart(self[index].written, of: store, stream: index)
  }

  /// No relay is left: what the store in use holds is all that there is of a stream.
  ///
  /// - Parameter sizes: bytes of each store's file, nil where it cannot be read. What was in memory went with the
  ///   processes: it counts as dropped.
  public func noteAbandoned(stream index: Int, sizes: [Int?]) {
    if self[index].hasEnded, currentStore(stream: index) != OutputStores.Kind.memory.rawValue { return }
    if let store = currentStore(stream: index), let start = start(of: store, stream: index) {
      if let size = sizes[store], size <= Self.mostBytes - start {
        noteWritten(max(self[index].written, start + size), stream: index)
      } else if store == OutputStores.Kind.memory.rawValue, self[index].written > start {
        let first = max(
          start, proven(stream: index), dropped(stream: index).items.last?.range.upperBound ?? 0)
        if isDropping(stream: index) {
          extendDropped(to: self[index].written, stream: index)
        } else if first < self[index].written {
          _ = beginDropping(first..<self[index].written, stream: index)
        }
      }
    }
    stopDropping(stream: index)
    noteEnd(stream: index)
  }

  public func noteEnding(_ ending: Ending) { put(ending.rawValue, fieldPointer(page, \.ending)) }

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

  public var spoolLimit: Int? {
    let limit = duct_load64(&page.pointee.spool_limit)
    return limit == 0 ? nil : Int(clamping: limit)
  }

  public var memoryLimit: Int { Int(clamping: duct_load64(&page.pointee.memory_limit)) }

  func isStopRequested(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.stop_dropping)) != 0
  }

  func isLeavingLogRequested(stream index: Int) -> Bool {
    duct_load32(fieldPointer(streamPointer(index), \.leave_log)) != 0
  }

  func noteCommandEnd(_ time: WallTime) {
    put(UInt64(max(time.seconds * 1000, 0)), fieldPointer(page, \.command_end))
  }

  func noteSynced(_ request: UInt32) {
    duct_store32(&page.pointee.sync_done, request)
    wakeAll()
  }

  func noteWritten(_ total: Int, stream index: Int) {
    let pointer = fieldPointer(streamPointer(index), \.written)
    duct_store64(pointer, UInt64(total))
    // The length of a file says as much; of memory nothing is left to say it.
    if currentStore(stream: index) == OutputStores.Kind.memory.rawValue { copyOut(pointer, 8) }
    wakeAll()
  }

  func noteStart(_ offset: Int, of store: Int, stream index: Int) {
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

  // MARK: C arrays are tuples in Swift; their elements lie one behind the other

  func streamPointer(_ index: Int) -> UnsafeMutablePointer<duct_relay_stream> {
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.streams) ?? 0
    return (UnsafeMutableRawPointer(page) + offset)
      .assumingMemoryBound(to: duct_relay_stream.self) + index
  }

  private func startPointer(_ store: Int, _ index: Int) -> UnsafeMutablePointer<UInt64> {
    let offset = MemoryLayout<duct_relay_stream>.offset(of: \.starts) ?? 0
    return (UnsafeMutableRawPointer(streamPointer(index)) + offset)
      .assumingMemoryBound(to: UInt64.self) + store
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
