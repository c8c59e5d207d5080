#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay

  /// The expected content of a stream's log file: every byte, or a mark in its place.
  struct SimulatedExpectation {
    /// The bytes of the stream before this offset were released, so no process can write them again.
    let released: Int
    private(set) var bytes: [UInt8] = []
    /// The offset in the stream up to which `bytes` covers it, with bytes or marks.
    private(set) var end = 0
    /// Ranges of `bytes` that may read as NUL bytes if rivals truncated the file.
    private var excused: [Range<Int>] = []

    init(released: Int) { self.released = released }

    /// Adds the stream's bytes from `end` up to offset `next`.
    mutating func add(_ text: [UInt8], upTo next: Int) {
      if end < released { excused.append(bytes.count..<bytes.count + min(next, released) - end) }
      bytes += text[end..<next]
      end = next
    }

    mutating func addMark(for range: Range<Int>) {
      let mark = gapMark(range.count)
      if range.lowerBound < released { excused.append(bytes.count..<bytes.count + mark.count) }
      bytes += mark
      end = range.upperBound
    }

    /// Whether `data` matches, except for NUL bytes or an earlier end where rivals have truncated it (`cut`).
    func allows(_ data: [UInt8], cut: [Range<Int>]) -> Bool {
      if cut.isEmpty || data.count > bytes.count { return false }
      var data = data + repeatElement(0, count: bytes.count - data.count)
      for range in cut {
        for at in range.clamped(to: data.indices) where data[at] == 0 { data[at] = bytes[at] }
      }
      return data == bytes
    }

    /// Whether `data` matches, except for NUL bytes in excused ranges, or everywhere if `anywhere`.
    func allows(_ data: [UInt8], anywhere: Bool) -> Bool {
      guard data.count == bytes.count else { return false }
      var data = data
      for range in anywhere ? [data.indices] : excused {
        for at in range where data[at] == 0 { data[at] = bytes[at] }
      }
      return data == bytes
    }
  }
#endif
