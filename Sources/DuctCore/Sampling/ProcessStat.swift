/// What /proc/PID/stat tells of a process. See proc(5).
struct ProcessStat: Sendable {
  var pid: Int32 = 0
  var name: [UInt8] = []
  /// One letter: R running, S sleeping, D in disk sleep, Z zombie, T stopped and so on.
  var state: UInt8 = 0
  var parent: Int32 = 0
  var processGroup: Int32 = 0
  var session: Int32 = 0
  /// The foreground process group of its terminal; -1 without one.
  var terminalGroup: Int32 = 0
  /// Minor faults of children that it has waited for: grows with each of them.
  var childFaults: UInt64 = 0
  /// In clock ticks.
  var userTicks: UInt64 = 0
  var systemTicks: UInt64 = 0
  var nice: Int32 = 0
  var threads: Int32 = 0
  /// Clock ticks from boot to its start: with the pid, its identity.
  var startTicks: UInt64 = 0
  var virtualBytes: UInt64 = 0
  var residentPages: UInt64 = 0

  /// Nil if the line is cut or malformed.
  ///
  /// The name stands in parentheses and may hold any byte, also parentheses and spaces: it ends at the
  /// last one.
  init?(_ line: UnsafeRawBufferPointer) {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")),
      let close = line.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    pid = Int32(truncatingIfNeeded: Self.number(line[..<open]))
    name = Array(line[(open + 1)..<close])
    var at = close + 2
    guard at < line.count else { return nil }
    state = line[at]
    at += 2
    // Fields from the fourth (ppid) on, by their number in proc(5).
    for field in 4...24 {
      guard at < line.count else { return nil }
      var end = at
      while end < line.count, line[end] != UInt8(ascii: " "), line[end] != UInt8(ascii: "\n") { end += 1 }
      let value = Self.number(line[at..<end])
      switch field {
      case 4: parent = Int32(truncatingIfNeeded: value)
      case 5: processGroup = Int32(truncatingIfNeeded: value)
      case 6: session = Int32(truncatingIfNeeded: value)
      case 8: terminalGroup = Int32(truncatingIfNeeded: value)
      case 11: childFaults = UInt64(bitPattern: value)
      case 14: userTicks = UInt64(bitPattern: value)
      case 15: systemTicks = UInt64(bitPattern: value)
      case 19: nice = Int32(truncatingIfNeeded: value)
      case 20: threads = Int32(truncatingIfNeeded: value)
      case 22: startTicks = UInt64(bitPattern: value)
      case 23: virtualBytes = UInt64(bitPattern: value)
      case 24: residentPages = UInt64(bitPattern: value)
      default: break
      }
      at = end + 1
    }
  }

  private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> Int64 {
    var value: Int64 = 0
    var isNegative = false
    for byte in digits {
      if byte == UInt8(ascii: "-") { isNegative = true }
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { continue }
      value = value &* 10 &+ Int64(byte - UInt8(ascii: "0"))
    }
    return isNegative ? -value : value
  }

  var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}

/// A process in time: a pid can be used again, with another start.
struct ProcessIdentity: Hashable, Sendable {
  var pid: Int32
  var startTicks: UInt64

  init(_ stat: ProcessStat) {
    pid = stat.pid
    startTicks = stat.startTicks
  }
}
