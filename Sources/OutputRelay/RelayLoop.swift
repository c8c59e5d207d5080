import Glibc
internal import SystemCalls
public import SystemPackage

/// Keeps the pipes of a command read until their end, whatever becomes of duct.
///
/// The same loop runs in `duct-relay` and, when that cannot be run, on a thread of duct.
public struct RelayLoop {
  /// How often, in bytes, the free space of the spool's disk is looked at.
  private static let lookEvery = 4 << 20
  /// This part of its blocks stays free: when less is, no more than that may wait.
  private static let reserve = 20
  private static let mostOnFullDisk = 64 << 20
  private static let leastOnFullDisk = 1 << 20

  private var streams: [RelayStream]
  private let status: RelayStatus
  private let wake: FileDescriptor
  private var lastLook = 0
  /// What may wait on the spool's disk, which is nearly full; nil while it is not.
  private var limitOfDisk: Int?
  private var watch: CommandWatch

  /// - Parameters:
  ///   - pipes: nil where a stream is not captured.
  ///   - stores: in the same order.
  ///   - wake: an eventfd that duct signals after a request on `status`.
  ///   - life: reads as ended once duct has gone; nil for duct itself.
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

  /// Returns once every pipe is at its end.
  public mutating func run() throws(Errno) {
    for index in streams.indices { streams[index].finishTransit() }
    // What a relay before us has moved it may not have counted.
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
    if let request = status.waitingSync { status.noteSynced(request) }
  }

  /// Waits until duct has gone, and the command too if duct was killed.
  public mutating func outlive() throws(Errno) {
    while !watch.isOver {
      // While duct lives it may ask for something.
      let ready = try poll(reading: [watch.descriptor, wake])
      if ready[0].isReadable { watch.look() }
      if ready[1].isReadable {
        wake.clearEvent()
        for index in streams.indices { streams[index].keeper.serveRequests() }
      }
      if let request = status.waitingSync { status.noteSynced(request) }
    }
  }

  /// Moves what the pipes hold now. What arrives meanwhile is for later: a daemon may never stop.
  private mutating func sync(_ request: UInt32) {
    for index in streams.indices {
      var left = streams[index].pipe.bytesReadable ?? 0
      while left > 0 {
        let moved = streams[index].move(atMost: left)
        if moved == 0 { break }
        left -= moved
      }
      // Where nobody can write any more, that is told with it.
      if streams[index].isAtEnd { _ = streams[index].move() }
    }
    status.noteSynced(request)
  }

  // MARK: Limits

  private mutating func enforceLimits() {
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

  private mutating func lookAtDisk() {
    let total = streams.map(\.keeper.written).reduce(0, +)
    guard total - lastLook >= Self.lookEvery else { return }
    lastLook = total
    guard let file = streams.lazy.compactMap(\.spoolFile).first else { return }
    var information = statvfs()
    guard fstatvfs(file.rawValue, &information) == 0 else { return }
    let reserve = information.f_blocks / UInt(Self.reserve)
    let bytes = Int(clamping: reserve.multipliedReportingOverflow(by: information.f_frsize).partialValue)
    limitOfDisk =
      information.f_bavail < reserve
      ? min(max(bytes, Self.leastOnFullDisk), Self.mostOnFullDisk) : nil
  }
}
