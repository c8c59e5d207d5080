internal import CSystemCalls
internal import Glibc
internal import SystemCalls
public import SystemPackage

/// Looks for the end of duct, and of the command after it: when duct is killed, nobody else would know
/// when the command ended.
public struct CommandWatch {
  private let life: FileDescriptor?
  private let status: RelayStatus
  private var process: FileDescriptor?
  /// There is nothing more to be seen.
  public private(set) var isOver: Bool

  /// - Parameter life: reads as ended once duct has gone; nil: not looked for.
  public init(life: FileDescriptor?, status: RelayStatus) {
    self.life = life
    self.status = status
    isOver = life == nil
  }

  /// To be polled for reading; nil when it is over.
  var descriptor: FileDescriptor? { isOver ? nil : process ?? life }

  /// `descriptor` is readable.
  mutating func look() {
    if let process {
      status.noteCommandEnd(WallTime.now)
      process.closeQuietly()
      isOver = true
    } else {
      process = status.ending == .none ? status.command?.opened() : nil
      isOver = process == nil
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
    guard let start = Self.start(of: pid) else { return nil }
    self.init(pid: pid, start: start)
  }

  /// Behind the name, which may hold anything, it is the 20th field.
  private static func start(of pid: Int32) -> UInt64? {
    guard let line = try? readAll(FilePath("/proc/\(pid)/stat"), limit: 4096),
      let name = line.lastIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let fields = line[(name + 1)...].split(separator: UInt8(ascii: " "))
    return fields.count > 19 ? UInt64(String(decoding: fields[19], as: UTF8.self)) : nil
  }

  /// A descriptor that reads as ready at its end; nil if it has ended.
  func opened() -> FileDescriptor? {
    let number = duct_open_process(pid)
    guard number >= 0 else { return nil }
    let process = FileDescriptor(rawValue: number)
    if Self.start(of: pid) == start { return process }
    process.closeQuietly()
    return nil
  }
}
