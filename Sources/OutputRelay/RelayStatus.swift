internal import CSystemCalls
import Glibc
public import SystemCalls
public import SystemPackage

/// The page of memory that the relay and duct share: what has been moved from the pipes to the stores.
///
/// Followers wait on it with a futex. inotify would do too, but a user has 128 inotify instances at
/// most, and a login node's user may run many ducts. It outlives a relay, so that its successor (or
/// duct itself) goes on counting where it was; and where it is a file, what recovers a run finds it.
public final class RelayStatus: @unchecked Sendable {
  public static let streamCount = 2
  private static let version: UInt32 = 1
  private static let size = MemoryLayout<duct_relay_status>.size

  /// Bytes that were let go.
  public typealias Gap = Range<Int>

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
  }

  /// What is known of one stream. Bytes are counted from the start of the run.
  public struct Stream: Sendable, Equatable {
    /// Bytes taken from the pipe: each is in a store, or in a gap.
    public var written: Int
    /// What made the relay leave a store.
    public var error: Errno?
    public var hasEnded: Bool
  }

  /// To hand on to a relay.
  public let descriptor: FileDescriptor
  private let page: UnsafeMutablePointer<duct_relay_status>

  /// A fresh page in memory.
  public convenience init() throws(Errno) {
    let number = try valueOrErrno { duct_memory_file("duct relay status", Self.size) }
    try self.init(fresh: FileDescriptor(rawValue: number))
  }

  /// A fresh page in a new file.
  public convenience init(creating path: FilePath) throws(Errno) {
    let file = try FileDescriptor.opening(
      path, .readWrite, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
    do throws(Errno) {
      // All of it, or a full disk would end us by SIGBUS at the first touch.
      try throwIfErrno(duct_allocate(file.rawValue, Self.size))
      try self.init(fresh: file)
    } catch {
      file.closeQuietly()
      throw error
    }
  }

  private convenience init(fresh file: FileDescriptor) throws(Errno) {
    try self.init(mapping: file)
    page.pointee.version = Self.version
    for index in 0..<Self.streamCount {
      streamPointer(index).pointee.needed = .max
      withUnsafeMutableBytes(of: &streamPointer(index).pointee.starts) { starts in
        starts.bindMemory(to: UInt64.self).update(repeating: .max)
      }
    }
  }

  /// The page behind a descriptor that was handed on, or that a run has left.
  ///
  /// - Throws: EINVAL for a file that is no such page.
  public init(mapping descriptor: FileDescriptor) throws(Errno) {
    var information = stat()
    try valueOrErrno { fstat(descriptor.rawValue, &information) }
    guard information.st_size == Self.size else { throw .invalidArgument }
    let address = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.rawValue, 0)
    guard let address, address != MAP_FAILED else { throw Errno(rawValue: errno) }
    self.descriptor = descriptor
    page = address.bindMemory(to: duct_relay_status.self, capacity: 1)
    if page.pointee.version > Self.version { throw .invalidArgument }
  }

  deinit {
    munmap(page, Self.size)
    descriptor.closeQuietly()
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

  /// The gaps of a stream in order, and whether the last one may still grow.
  public func gaps(stream index: Int) -> (gaps: [Gap], lastIsOpen: Bool) {
    let stream = streamPointer(index)
    // Whether it is open first: one that is closed meanwhile is read as open, and looked at again.
    let isOpen = duct_load32(&stream.pointee.gap_is_open) != 0
    let count = min(Int(duct_load32(&stream.pointee.gap_count)), Int(DUCT_RELAY_GAPS))
    let gaps = (0..<count).map { number -> Gap in
      let gap = gapPointer(number, index)
      let start = Int(clamping: duct_load64(&gap.pointee.start))
      return start..<max(start, Int(clamping: duct_load64(&gap.pointee.end)))
    }
    return (gaps, isOpen && count > 0)
  }

  public func published(stream index: Int) -> Int {
    Int(clamping: duct_load64(&streamPointer(index).pointee.published))
  }

  /// The byte that the slowest other reader is at.
  public func needed(stream index: Int) -> Int {
    Int(clamping: duct_load64(&streamPointer(index).pointee.needed))
  }

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
    duct_store64(&page.pointee.spool_limit, UInt64(max(spool ?? 0, 0)))
    duct_store64(&page.pointee.memory_limit, UInt64(max(memory, 0)))
  }

  public func noteCommand(_ command: CommandIdentity) {
    duct_store64(&page.pointee.command_start, command.start)
    duct_store32(&page.pointee.command_pid, UInt32(bitPattern: command.pid))
  }

  public func notePublished(_ bytes: Int, stream index: Int) {
    duct_store64(&streamPointer(index).pointee.published, UInt64(bytes))
  }

  /// Another reader is at byte `offset`: what comes from there on must be kept. `.max`: none is left.
  public func noteNeeded(_ offset: Int, stream index: Int) {
    duct_store64(&streamPointer(index).pointee.needed, UInt64(offset))
  }

  /// No store must keep what comes before byte `offset`.
  public func release(upTo offset: Int, stream index: Int) {
    duct_store64(&streamPointer(index).pointee.released, UInt64(offset))
  }

  /// Asks for the end of the open gap to be fixed. The relay must be woken for it.
  public func requestGapClose(stream index: Int) {
    duct_store32(&streamPointer(index).pointee.close_gap, 1)
  }

  /// Asks for a log file to be left. The relay must be woken for it.
  public func requestLeavingLog(stream index: Int) {
    duct_store32(&streamPointer(index).pointee.leave_log, 1)
  }

  /// No relay is left: what the spool's file holds is all that there is of a stream.
  public func noteAbandoned(stream index: Int, spoolSize: Int) {
    if currentStore(stream: index) == OutputStores.Kind.spool.rawValue,
      let start = start(of: OutputStores.Kind.spool.rawValue, stream: index)
    {
      noteWritten(max(self[index].written, start + spoolSize), stream: index)
    }
    closeGap(stream: index)
    noteEnd(stream: index)
  }

  public func noteEnding(_ ending: Ending) { duct_store32(&page.pointee.ending, ending.rawValue) }

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

  var spoolLimit: Int? {
    let limit = duct_load64(&page.pointee.spool_limit)
    return limit == 0 ? nil : Int(clamping: limit)
  }

  var memoryLimit: Int { Int(clamping: duct_load64(&page.pointee.memory_limit)) }

  public func released(stream index: Int) -> Int {
    Int(clamping: duct_load64(&streamPointer(index).pointee.released))
  }

  func isGapCloseRequested(stream index: Int) -> Bool {
    duct_load32(&streamPointer(index).pointee.close_gap) != 0
  }

  func isLeavingLogRequested(stream index: Int) -> Bool {
    duct_load32(&streamPointer(index).pointee.leave_log) != 0
  }

  func noteCommandEnd(_ time: WallTime) {
    duct_store64(&page.pointee.command_end, UInt64(max(time.seconds * 1000, 0)))
  }

  func noteSynced(_ request: UInt32) {
    duct_store32(&page.pointee.sync_done, request)
    wakeAll()
  }

  func noteWritten(_ total: Int, stream index: Int) {
    duct_store64(&streamPointer(index).pointee.written, UInt64(total))
    wakeAll()
  }

  func noteStart(_ offset: Int, of store: Int, stream index: Int) {
    duct_store64(startPointer(store, index), UInt64(offset))
    wakeAll()
  }

  func noteError(_ error: Errno?, stream index: Int) {
    duct_store32(&streamPointer(index).pointee.error, UInt32(error?.rawValue ?? 0))
    wakeAll()
  }

  func noteEnd(stream index: Int) {
    duct_store32(&streamPointer(index).pointee.ended, 1)
    wakeAll()
  }

  /// Begins a gap; false if there is no room for another.
  func openGap(_ gap: Gap, stream index: Int) -> Bool {
    let stream = streamPointer(index)
    let number = Int(duct_load32(&stream.pointee.gap_count))
    guard number < Int(DUCT_RELAY_GAPS) else { return false }
    moveGap(number, to: gap, stream: index)
    duct_store32(&stream.pointee.close_gap, 0)
    duct_store32(&stream.pointee.gap_is_open, 1)
    duct_store32(&stream.pointee.gap_count, UInt32(number + 1))
    return true
  }

  func moveGap(_ number: Int, to gap: Gap, stream index: Int) {
    let pointer = gapPointer(number, index)
    duct_store64(&pointer.pointee.start, UInt64(gap.lowerBound))
    duct_store64(&pointer.pointee.end, UInt64(gap.upperBound))
  }

  func closeGap(stream index: Int) {
    duct_store32(&streamPointer(index).pointee.gap_is_open, 0)
    duct_store32(&streamPointer(index).pointee.close_gap, 0)
    wakeAll()
  }

  // MARK: C arrays are tuples in Swift; their elements lie one behind the other

  private func streamPointer(_ index: Int) -> UnsafeMutablePointer<duct_relay_stream> {
    let offset = MemoryLayout<duct_relay_status>.offset(of: \.streams) ?? 0
    return (UnsafeMutableRawPointer(page) + offset)
      .assumingMemoryBound(to: duct_relay_stream.self) + index
  }

  private func startPointer(_ store: Int, _ index: Int) -> UnsafeMutablePointer<UInt64> {
    let offset = MemoryLayout<duct_relay_stream>.offset(of: \.starts) ?? 0
    return (UnsafeMutableRawPointer(streamPointer(index)) + offset)
      .assumingMemoryBound(to: UInt64.self) + store
  }

  private func gapPointer(_ number: Int, _ index: Int) -> UnsafeMutablePointer<duct_relay_gap> {
    let offset = MemoryLayout<duct_relay_stream>.offset(of: \.gaps) ?? 0
    return (UnsafeMutableRawPointer(streamPointer(index)) + offset)
      .assumingMemoryBound(to: duct_relay_gap.self) + number
  }
}
