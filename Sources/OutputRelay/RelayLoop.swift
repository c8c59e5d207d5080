import Glibc
internal import SystemCalls
public import SystemPackage

/// Reads the pipes of a command until they end, even after duct has ended.
///
/// The same loop runs in `duct-relay` and, if that program cannot be started, on a thread of duct.
public struct RelayLoop {
  /// Bytes that may be written between two checks of the free space on the spool's disk.
  private static let lookEvery = 4 << 20
  /// 1/20 of the disk's blocks should stay free. When less is free, no more bytes may wait than this reserve,
  /// limited to the range of the next two constants.
  private static let reserve = 20
  private static let mostOnFullDisk = 64 << 20
  private static let leastOnFullDisk = 1 << 20

  private var streams: [RelayStream]
  private let status: RelayStatus
  private let wake: FileDescriptor
  private var lastLook = 0
  /// When the relay may look again whether the spool has room for what is in memory.
  private var nextReturn = MonotonicInstant.now
  /// Seconds between two such looks.
  private static let pauseOfReturns = 1.0
  /// Bytes that may wait on the spool's disk while the disk is nearly full. Nil while it is not.
  private var limitOfDisk: Int?
  private var watch: CommandWatch

  /// - Parameters:
  ///   - pipes: nil for a stream that is not captured.
  ///   - stores: in the same order as `pipes`.
  ///   - wake: an eventfd that duct signals after it has set a request in `status`.
  ///   - life: reaches end of file when duct ends. Nil if the loop runs in duct itself.
  public init(
    pipes: [CommandPipe?], stores: [OutputStores?], wake: FileDescriptor, status: RelayStatus,
    life: FileDescriptor? = nil
  ) {
    watch = CommandWatch(life: life, status: status)
    self.status = status
    self.wake = wake
    streams = zip(pipes, stores).enumerated().compactMap { index, stream in
      guard let pipe = stream.0, let stores = stream.1 else { return nil }
      return RelayStream(index: index, pipe: pipe, stores: stores, status: status)
    }
  }

  /// Reads until every pipe is at its end.
  public mutating func run() throws(Errno) {
    for index in streams.indices { streams[index].finishTransit() }
    // A previous relay may have moved bytes that it did not count.
    enforceLimits()
    while !streams.allSatisfy(\.isDone) {
      let pipes = streams.map { $0.isDone ? nil : $0.pipe }
      let ready = try poll(reading: pipes + [wake, watch.descriptor])
      if ready[streams.count + 1].isReadable { watch.look() }
      for index in streams.indices where ready[index].isReadable { _ = streams[index].move() }
      if ready[streams.count].isReadable {
        wake.clearEvent()
        for index in streams.indices { streams[index].keeper.serveRequests() }
      }
      enforceLimits()
      if let request = status.waitingSync { sync(request) }
    }
    for index in streams.indices { streams[index].returnToSpool(isLast: true) }
    if let request = status.waitingSync { status.noteSynced(request) }
  }

  /// Waits until duct has ended and, if duct was killed, until the command has ended too.
  public mutating func outlive() throws(Errno) {
    while !watch.isOver {
      // While duct lives, it can send requests.
      let ready = try poll(reading: [watch.descriptor, wake])
      if ready[0].isReadable { watch.look() }
      if ready[1].isReadable {
        wake.clearEvent()
        for index in streams.indices { streams[index].keeper.serveRequests() }
      }
      if let request = status.waitingSync { status.noteSynced(request) }
    }
  }

  /// Moves the bytes that the pipes hold at this moment. Bytes that arrive meanwhile are not waited for, because
  /// a daemon may write without end.
  private mutating func sync(_ request: UInt32) {
    for index in streams.indices {
      var left = streams[index].pipe.bytesReadable ?? 0
      while left > 0 {
        let moved = streams[index].move(atMost: left)
        if moved == 0 { break }
        left -= moved
      }
      // If no process can write into the pipe any more, this also records the end of the stream.
      if streams[index].isAtEnd { _ = streams[index].move() }
    }
    status.noteSynced(request)
  }

  // MARK: Limits

  private mutating func enforceLimits() {
    returnToSpool()
    lookAtDisk()
    enforce(status.memoryLimit, of: .memory)
    if let limit = [status.spoolLimit, limitOfDisk].compactMap({ $0 }).min() { enforce(limit, of: .spool) }
  }

  private mutating func enforce(_ limit: Int, of kind: OutputStores.Kind) {
    guard streams.reduce(0, { $0 + $1.keeper.mostHeld(in: kind) }) > limit else { return }
    var keepers = streams.map(\.keeper)
    StreamKeeper.enforce(limit, of: kind, &keepers)
    for index in streams.indices { streams[index].keeper = keepers[index] }
  }

  private mutating func returnToSpool() {
    guard streams.contains(where: \.isInMemory), nextReturn <= .now else { return }
    nextReturn = .now + Self.pauseOfReturns
    for index in streams.indices { streams[index].returnToSpool() }
    // What is known of the disk is from the time when it was full. Its limit would drop what has just returned.
    if !streams.allSatisfy(\.isInMemory) { lastLook = -Self.lookEvery }
  }

  /// The blocks of a disk that should stay free.
  static func reserved(_ disk: statvfs) -> UInt { disk.f_blocks / UInt(reserve) }

  private mutating func lookAtDisk() {
    let total = streams.map(\.keeper.written).reduce(0, +)
    guard total - lastLook >= Self.lookEvery else { return }
    lastLook = total
    guard let file = streams.lazy.compactMap(\.spoolFile).first else { return }
    var information = statvfs()
    guard fstatvfs(file.rawValue, &information) == 0 else { return }
    let reserve = Self.reserved(information)
    let bytes = Int(clamping: reserve.multipliedReportingOverflow(by: information.f_frsize).partialValue)
    limitOfDisk =
      information.f_bavail < reserve
      ? min(max(bytes, Self.leastOnFullDisk), Self.mostOnFullDisk) : nil
  }
}
