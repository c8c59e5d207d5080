internal import SystemCalls

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
