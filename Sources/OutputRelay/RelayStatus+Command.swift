internal import CSystemCalls
import Glibc
internal import SystemCalls

/// What is known of the run as a whole: its limits, its command, and how duct has ended.
extension RelayStatus {
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

  // MARK: Reading

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

  public var spoolLimit: Int? {
    let limit = duct_load64(&page.pointee.spool_limit)
    return limit == 0 ? nil : Int(clamping: limit)
  }

  var memoryLimit: Int { Int(clamping: duct_load64(&page.pointee.memory_limit)) }

  // MARK: Setting

  /// Bytes that the spool's files and memory may hold; nil: no limit but that of the disk.
  public func setLimits(spool: Int?, memory: Int) {
    duct_store64(fieldPointer(page, \.spool_limit), UInt64(max(spool ?? 0, 0)))
    duct_store64(fieldPointer(page, \.memory_limit), UInt64(max(memory, 0)))
    copyOut(fieldPointer(page, \.spool_limit), through: fieldPointer(page, \.memory_limit))
  }

  public func noteCommand(_ command: CommandIdentity) {
    duct_store64(fieldPointer(page, \.command_start), command.start)
    duct_store32(fieldPointer(page, \.command_pid), UInt32(bitPattern: command.pid))
    copyOut(fieldPointer(page, \.command_start), through: fieldPointer(page, \.command_pid))
  }

  func noteCommandEnd(_ time: WallTime) {
    put(UInt64(max(time.seconds * 1000, 0)), fieldPointer(page, \.command_end))
  }

  public func noteEnding(_ ending: Ending) { put(ending.rawValue, fieldPointer(page, \.ending)) }
}
