/// The name that the kernel has for a process: at most 15 bytes, of any kind.
struct ProcessName: Hashable, Sendable {
  private var bytes16: (UInt64, UInt64) = (0, 0)

  init(_ name: UnsafeRawBufferPointer) {
    withUnsafeMutableBytes(of: &bytes16) { $0.copyMemory(from: .init(rebasing: name.prefix(16))) }
  }

  init(_ name: [UInt8]) { self = name.withUnsafeBytes { ProcessName($0) } }

  static let empty = ProcessName([])
  static let sbatch = ProcessName(Array("sbatch".utf8))

  var bytes: [UInt8] { withUnsafeBytes(of: bytes16) { Array($0.prefix { $0 != 0 }) } }

  static func == (left: Self, right: Self) -> Bool { left.bytes16 == right.bytes16 }
  func hash(into hasher: inout Hasher) {
    hasher.combine(bytes16.0)
    hasher.combine(bytes16.1)
  }
}

/// What /proc/PID/stat tells of a process. See proc(5).
struct ProcessStat: Sendable {
  var pid: Int32 = 0
  var name = ProcessName.empty
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
  /// The same of children that it has waited for, with those that these have waited for.
  var childUserTicks: UInt64 = 0
  var childSystemTicks: UInt64 = 0
  var nice: Int32 = 0
  var threads: Int32 = 0
  /// Clock ticks from boot to its start: with the pid, its identity.
  var startTicks: UInt64 = 0
  var virtualBytes: UInt64 = 0
  var residentPages: UInt64 = 0
  /// Another one after each execve(2): made of addresses that are drawn anew then. 0 where they may not be
  /// read.
  var image: UInt64 = 0

  /// Nil if the line is cut or malformed. Nothing is allocated.
  ///
  /// The name stands in parentheses and may hold any byte, also parentheses and spaces: it ends at the
  /// last one.
  init?(_ line: UnsafeRawBufferPointer) {
    guard let open = line.firstIndex(of: UInt8(ascii: "(")),
      let close = line.lastIndex(of: UInt8(ascii: ")")), open < close
    else { return nil }
    pid = Int32(truncatingIfNeeded: Self.number(line, 0, open))
    name = ProcessName(UnsafeRawBufferPointer(rebasing: line[(open + 1)..<close]))
    var at = close + 2
    guard at < line.count else { return nil }
    state = line[at]
    at += 2
    // Fields from the fourth (ppid) on, by their number in proc(5). Those beyond the 24th are not in every
    // kernel's line.
    for field in 4...49 {
      guard at < line.count else {
        if field > 24 { return }
        return nil
      }
      var end = at
      while end < line.count, line[end] != UInt8(ascii: " "), line[end] != UInt8(ascii: "\n") { end += 1 }
      if Self.isUsed(field) { set(field, Self.number(line, at, end)) }
      at = end + 1
    }
  }

  private static func isUsed(_ field: Int) -> Bool {
    (1 << UInt64(field)) & 0x0003_0000_11DB_C970 as UInt64 != 0
  }

  private mutating func set(_ field: Int, _ value: Int64) {
    switch field {
    case 4: parent = Int32(truncatingIfNeeded: value)
    case 5: processGroup = Int32(truncatingIfNeeded: value)
    case 6: session = Int32(truncatingIfNeeded: value)
    case 8: terminalGroup = Int32(truncatingIfNeeded: value)
    case 11: childFaults = UInt64(bitPattern: value)
    case 14: userTicks = UInt64(bitPattern: value)
    case 15: systemTicks = UInt64(bitPattern: value)
    case 16: childUserTicks = UInt64(bitPattern: value)
    case 17: childSystemTicks = UInt64(bitPattern: value)
    case 19: nice = Int32(truncatingIfNeeded: value)
    case 20: threads = Int32(truncatingIfNeeded: value)
    case 22: startTicks = UInt64(bitPattern: value)
    case 23: virtualBytes = UInt64(bitPattern: value)
    case 24: residentPages = UInt64(bitPattern: value)
    // startstack, arg_start, arg_end
    case 28, 48, 49: image = image &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(bitPattern: value)
    default: break
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

  var isZombie: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
  var childTicks: UInt64 { childUserTicks &+ childSystemTicks }
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

extension ProcessStat {
  /// The state as ps shows it, with its marks: `<` high and `N` low priority, `s` session leader, `l`
  /// several threads, `+` in the foreground of its terminal.
  var psState: ProcessStates.Key {
    var text = ProcessStates.Key(state)
    if nice < 0 { text.append(UInt8(ascii: "<")) } else if nice > 0 { text.append(UInt8(ascii: "N")) }
    if session == pid { text.append(UInt8(ascii: "s")) }
    if threads > 1 { text.append(UInt8(ascii: "l")) }
    if terminalGroup == processGroup { text.append(UInt8(ascii: "+")) }
    return text
  }
}

/// How often a process was seen in which state, of eight states at most; without memory of its own.
struct ProcessStates: Sendable {
  /// Up to eight ASCII letters.
  struct Key: Equatable, Sendable {
    fileprivate(set) var word: UInt64

    init(_ letter: UInt8) { word = UInt64(letter) }
    mutating func append(_ letter: UInt8) { word = word << 8 | UInt64(letter) }

    var text: String {
      var letters = ""
      for shift in stride(from: 56, through: 0, by: -8) {
        let letter = UInt8(truncatingIfNeeded: word >> UInt64(shift))
        if letter != 0 { letters.unicodeScalars.append(Unicode.Scalar(letter)) }
      }
      return letters
    }
  }

  private var words = SIMD8<UInt64>()
  private var counts = SIMD8<UInt32>()
  private var used = 0

  /// A ninth state is counted with the eighth: there are as many looks as counts.
  mutating func add(_ key: Key) {
    for index in 0..<used where words[index] == key.word {
      counts[index] += 1
      return
    }
    if used < 8 {
      words[used] = key.word
      used += 1
    }
    counts[used - 1] += 1
  }

  var all: [(state: String, count: Int)] {
    (0..<used).map { index in
      var key = Key(0)
      key.word = words[index]
      return (key.text, Int(counts[index]))
    }
  }
}
