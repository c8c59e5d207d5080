internal import SystemPackage

/// The kernel's name of a process (`comm`): at most 15 bytes of any value except NUL.
public struct ProcessName: Hashable, Sendable {
  private var bytes16: (UInt64, UInt64) = (0, 0)

  public init(_ name: UnsafeRawBufferPointer) {
    withUnsafeMutableBytes(of: &bytes16) { $0.copyMemory(from: .init(rebasing: name.prefix(16))) }
  }

  public init(_ name: [UInt8]) { self = name.withUnsafeBytes { ProcessName($0) } }

  public static let empty = ProcessName([])
  public static let sbatch = ProcessName(Array("sbatch".utf8))

  public var bytes: [UInt8] { withUnsafeBytes(of: bytes16) { Array($0.prefix { $0 != 0 }) } }

  public static func == (left: Self, right: Self) -> Bool { left.bytes16 == right.bytes16 }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(bytes16.0)
    hasher.combine(bytes16.1)
  }
}

/// The fields of /proc/PID/stat that duct uses. See proc(5).
public struct ProcessStat: Sendable {
  public var pid: Int32 = 0
  public var name = ProcessName.empty
  /// One letter: R running, S sleeping, D in disk sleep, Z zombie, T stopped and so on.
  public var state: UInt8 = 0
  public var parent: Int32 = 0
  public var processGroup: Int32 = 0
  public var session: Int32 = 0
  /// The foreground process group of its terminal; -1 if it has no terminal.
  public var terminalGroup: Int32 = 0
  /// Minor page faults of the children that it has waited for. Each such child adds some.
  public var childFaults: UInt64 = 0
  /// In clock ticks.
  public var userTicks: UInt64 = 0
  public var systemTicks: UInt64 = 0
  /// Clock ticks of the children that it has waited for, and of the children that those have waited for.
  public var childUserTicks: UInt64 = 0
  public var childSystemTicks: UInt64 = 0
  public var nice: Int32 = 0
  public var threads: Int32 = 0
  /// Clock ticks from boot to its start. Together with the pid, this identifies the process.
  public var startTicks: UInt64 = 0
  public var virtualBytes: UInt64 = 0
  public var residentPages: UInt64 = 0
  /// A number that changes with each execve(2): computed from the addresses of the stack and the arguments, which
  /// the kernel randomizes then. 0 if this process may not read them.
  public var image: UInt64 = 0

  /// Parses the line without allocating memory. Nil if it is truncated or malformed.
  ///
  /// The name is in parentheses and may contain any bytes, even parentheses and spaces. It ends at the last
  /// parenthesis.
  public init?(_ line: UnsafeRawBufferPointer) {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")),
      let close = line.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    pid = Int32(truncatingIfNeeded: Self.number(line, 0, open))
    name = ProcessName(UnsafeRawBufferPointer(rebasing: line[(open + 1)..<close]))
    var at = close + 2
    guard at < line.count else { return nil }
    state = line[at]
    at += 2
    // Not every kernel prints the fields after the 24th.
    for number in Field.parent.rawValue...Field.argumentEnd.rawValue {
      guard at < line.count else {
        if number > Field.residentPages.rawValue { return }
        return nil
      }
      var end = at
      while end < line.count, line[end] != UInt8(ascii: " "), line[end] != UInt8(ascii: "\n") { end += 1 }
      if let field = Field(rawValue: number) { set(field, Self.number(line, at, end)) }
      at = end + 1
    }
  }

  /// The fields that duct uses, by their number in proc(5).
  private enum Field: Int {
    case parent = 4
    case processGroup, session
    case terminalGroup = 8
    case childFaults = 11
    case userTicks = 14
    case systemTicks, childUserTicks, childSystemTicks
    case nice = 19
    case threads
    case startTicks = 22
    case virtualBytes, residentPages
    case stackStart = 28
    case argumentStart = 48
    case argumentEnd
  }

  /// 2^64 divided by the golden ratio: an odd number without a pattern, which spreads the addresses over `image`.
  private static let imageFactor: UInt64 = 0x9E37_79B9_7F4A_7C15

  private mutating func set(_ field: Field, _ value: Int64) {
    switch field {
    case .parent: parent = Int32(truncatingIfNeeded: value)
    case .processGroup: processGroup = Int32(truncatingIfNeeded: value)
    case .session: session = Int32(truncatingIfNeeded: value)
    case .terminalGroup: terminalGroup = Int32(truncatingIfNeeded: value)
    case .childFaults: childFaults = UInt64(bitPattern: value)
    case .userTicks: userTicks = UInt64(bitPattern: value)
    case .systemTicks: systemTicks = UInt64(bitPattern: value)
    case .childUserTicks: childUserTicks = UInt64(bitPattern: value)
    case .childSystemTicks: childSystemTicks = UInt64(bitPattern: value)
    case .nice: nice = Int32(truncatingIfNeeded: value)
    case .threads: threads = Int32(truncatingIfNeeded: value)
    case .startTicks: startTicks = UInt64(bitPattern: value)
    case .virtualBytes: virtualBytes = UInt64(bitPattern: value)
    case .residentPages: residentPages = UInt64(bitPattern: value)
    case .stackStart, .argumentStart, .argumentEnd:
      image = image &* Self.imageFactor &+ UInt64(bitPattern: value)
    }
  }

  private static func number(_ line: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int64 {
    var value: Int64 = 0
    var isNegative = false
    for index in start..<end {
      let byte = line[index]
      if byte == UInt8(ascii: "-") { isNegative = true }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { continue }
      value = value &* 10 &+ Int64(byte - UInt8(ascii: "0"))
    }
    return isNegative ? -value : value
  }

  public var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
  public var childTicks: UInt64 { childUserTicks &+ childSystemTicks }
}

extension ProcessStat {
  /// Reads the line of a process by its pid in this process's namespace. Nil if it has ended, or if /proc does not
  /// show this namespace.
  public static func read(ownPID pid: Int32) -> ProcessStat? {
    guard let number = ProcNumbers.current.inProc(pid),
      let line = try? readAll(FilePath("/proc/\(number)/stat"), limit: 4096)
    else { return nil }
    return line.withUnsafeBytes { ProcessStat($0) }
  }
}

/// Identifies a process, even after its pid is reused: the later process has another start time.
public struct ProcessIdentity: Hashable, Sendable {
  public var pid: Int32
  public var startTicks: UInt64

  public init(_ stat: ProcessStat) {
    pid = stat.pid
    startTicks = stat.startTicks
  }
}
