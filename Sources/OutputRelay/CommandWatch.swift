internal import CSystemCalls
internal import Glibc
internal import SystemCalls
public import SystemPackage

/// Looks for the end of duct, and of the command after it: when duct is killed, nobody else would know
/// when the command ended.
public struct CommandWatch {
  /// pidfd_open(2): a descriptor that reads as ready at the end of a process.
  typealias Opener = (Int32) throws(Errno) -> FileDescriptor

  /// What is polled for the end of the command.
  private enum Look {
    case process(FileDescriptor)
    /// Reads as ready each second. Where no process can be opened: before Linux 5.3, or in a container that
    /// does not let it through.
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
  /// There is nothing more to be seen.
  public private(set) var isOver: Bool

  /// - Parameter life: reads as ended once duct has gone; nil: not looked for.
  public init(life: FileDescriptor?, status: RelayStatus) {
    self.init(life: life, status: status) { pid throws(Errno) in
      FileDescriptor(rawValue: try valueOrErrno { duct_open_process(pid) })
    }
  }

  init(life: FileDescriptor?, status: RelayStatus, open: @escaping Opener) {
    self.life = life
    self.status = status
    self.open = open
    isOver = life == nil
  }

  /// To be polled for reading; nil when it is over.
  var descriptor: FileDescriptor? { isOver ? nil : command?.descriptor ?? life }

  /// `descriptor` is readable.
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

  /// Nil if the command has ended.
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

/// The command by more than its pid, which may be used again.
public struct CommandIdentity: Sendable, Equatable {
  public let pid: Int32
  /// Ticks from boot to its start.
  let start: UInt64

  init?(pid: Int32, start: UInt64) {
    guard pid > 0 else { return nil }
    self.pid = pid
    self.start = start
  }

  /// Of a process that is there.
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
