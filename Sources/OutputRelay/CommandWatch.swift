internal import CSystemCalls
internal import Glibc
internal import SystemCalls
public import SystemPackage

/// Detects the end of duct and, if duct was killed, the end of the command. After duct was killed, no other
/// process can record when the command ended.
public struct CommandWatch {
  /// pidfd_open(2). The descriptor becomes readable when the process ends.
  typealias Opener = (Int32) throws(Errno) -> FileDescriptor

  /// The descriptor to poll for the end of the command.
  private enum Look {
    case process(FileDescriptor)
    /// A timer that becomes readable once a second. Used where pidfd_open(2) fails: before Linux 5.3, or in a
    /// container that forbids it.
    case clock(FileDescriptor, CommandIdentity)

    var descriptor: FileDescriptor {
      switch self {
      case .process(let descriptor), .clock(let descriptor, _): descriptor
      }
    }
  }

  private let life: FileDescriptor?
  private let status: RelayStatus
  private let open: Opener
  private var command: Look?
  /// Nothing is left to detect.
  public private(set) var isOver: Bool

  /// - Parameter life: a descriptor that reaches end of file when duct ends. Nil: there is nothing to detect.
  public init(life: FileDescriptor?, status: RelayStatus) {
    self.init(life: life, status: status, open: openProcess)
  }

  init(life: FileDescriptor?, status: RelayStatus, open: @escaping Opener) {
    self.life = life
    self.status = status
    self.open = open
    isOver = life == nil
  }

  /// The descriptor to poll for reading. Nil if nothing is left to detect.
  var descriptor: FileDescriptor? { isOver ? nil : command?.descriptor ?? life }

  /// Call it when `descriptor` is readable.
  mutating func look() {
    switch command {
    case nil:
      command = status.ending == .none ? status.command.flatMap(start) : nil
      isOver = command == nil
    case .clock(let clock, let identity)? where identity.isThere:
      clock.clearEvent()
    case let look?:
      status.noteCommandEnd(WallTime.now)
      look.descriptor.closeQuietly()
      isOver = true
    }
  }

  /// Starts to watch the command. Nil if the command has already ended.
  private func start(_ identity: CommandIdentity) -> Look? {
    do throws(Errno) {
      let process = try open(identity.pid)
      if identity.isThere { return .process(process) }
      process.closeQuietly()
      return nil
    } catch {
      guard identity.isThere else { return nil }
      let clock = duct_second_clock()
      return clock < 0 ? nil : .clock(FileDescriptor(rawValue: clock), identity)
    }
  }
}

/// Identifies the command by pid and start time, because the kernel reuses pids.
public struct CommandIdentity: Sendable, Equatable {
  public let pid: Int32
  /// Clock ticks from boot to the start of the process.
  let start: UInt64

  init?(pid: Int32, start: UInt64) {
    guard pid > 0 else { return nil }
    self.pid = pid
    self.start = start
  }

  /// The identity of a process that exists. Nil if it does not.
  public init?(of pid: Int32) {
    guard let stat = ProcessStat.read(ownPID: pid) else { return nil }
    self.init(pid: pid, start: stat.startTicks)
  }

  /// Whether it has not ended. False too if the kernel has given its pid to another process.
  var isThere: Bool {
    guard let stat = ProcessStat.read(ownPID: pid) else { return false }
    return stat.startTicks == start && !stat.isZombie
  }
}
