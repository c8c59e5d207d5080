internal import CSystemCalls
import Glibc
public import SystemCalls

/// The fields of the page that describe the whole run: its limits, its command, and how duct has ended.
extension RelayStatus {
  /// How duct has ended. The relay that outlives duct reads it.
  public enum Ending: UInt32, Sendable {
    /// duct still runs, or it was killed.
    case none = 0
    /// Everything is delivered, and the run folder is removed.
    case done = 1
    /// Everything is delivered except what is still in the pipes: the command has left processes that hold them
    /// open.
    case leftToRelay = 2
    /// Something could not be delivered, and duct has told the user.
    case told = 3
    /// The records were removed, as the user chose for a command that fails immediately. Further output is
    /// dropped.
    case removed = 4
  }

  // MARK: Reading

  public var ending: Ending { Ending(rawValue: duct_load32(&page.pointee.ending)) ?? .none }

  /// The command. Nil before it has started.
  public var command: CommandIdentity? {
    CommandIdentity(
      pid: pid_t(bitPattern: duct_load32(&page.pointee.command_pid)),
      start: duct_load64(&page.pointee.command_start))
  }

  /// When the command ended, in seconds since 1970. Nil unless duct left its record to `recover`: because it had ended
  /// before, so that the relay saw the end of the command, or because slurmstepd would not have waited for it.
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

  /// Sets how many bytes may wait in the spool's files and in memory. `spool` nil: only the disk limits it.
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

  public func noteCommandEnd(_ time: WallTime) {
    put(UInt64(max(time.seconds * 1000, 0)), fieldPointer(page, \.command_end))
  }

  public func noteEnding(_ ending: Ending) { put(ending.rawValue, fieldPointer(page, \.ending)) }
}
