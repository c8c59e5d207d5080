internal import SystemCalls

extension ProcessStat {
  /// The state as ps(1) shows it, with its marks: `<` high and `N` low priority, `s` session leader, `l` several
  /// threads, `+` in the foreground of its terminal.
  var psState: ProcessStates.Key {
    var text = ProcessStates.Key(state)
    if nice < 0 { text.append(UInt8(ascii: "<")) } else if nice > 0 { text.append(UInt8(ascii: "N")) }
    if session == pid { text.append(UInt8(ascii: "s")) }
    if threads > 1 { text.append(UInt8(ascii: "l")) }
    if terminalGroup == processGroup { text.append(UInt8(ascii: "+")) }
    return text
  }
}

/// How often the samples saw a process in which state. Holds at most eight different states and allocates nothing.
struct ProcessStates: Sendable {
  /// Up to eight ASCII letters.
  struct Key: Equatable, Sendable {
    /// The letters, one in each byte; the last one in the lowest.
    fileprivate(set) var word: UInt64

    init(_ letter: UInt8) { word = UInt64(letter) }
    fileprivate init(word: UInt64) { self.word = word }
    mutating func append(_ letter: UInt8) { word = word << UInt8.bitWidth | UInt64(letter) }

    var text: String {
      var letters = ""
      for shift in stride(from: UInt64.bitWidth - UInt8.bitWidth, through: 0, by: -UInt8.bitWidth) {
        let letter = UInt8(truncatingIfNeeded: word >> UInt64(shift))
        if letter != 0 { letters.unicodeScalars.append(Unicode.Scalar(letter)) }
      }
      return letters
    }
  }

  private var words = SIMD8<UInt64>()
  private var counts = SIMD8<UInt32>()
  private var used = 0

  /// Adds one sample. A ninth state is counted with the eighth, so that the counts add up to the number of samples.
  mutating func add(_ key: Key) {
    for index in 0..<used where words[index] == key.word {
      counts[index] += 1
      return
    }
    if used < words.scalarCount {
      words[used] = key.word
      used += 1
    }
    counts[used - 1] += 1
  }

  var all: [(state: String, count: Int)] {
    (0..<used).map { (Key(word: words[$0]).text, Int(counts[$0])) }
  }
}
