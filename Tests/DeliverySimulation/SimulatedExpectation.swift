#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay

  /// A stream as it should stand in its log file: every byte, or a mark in its place.
  struct SimulatedExpectation {
    /// Bytes of the stream before this were given back: nobody can write them again.
    let released: Int
    private(set) var bytes: [UInt8] = []
    /// The bytes of the stream that are in it, those with a mark included.
    private(set) var end = 0
    /// Where it may read as NUL bytes, should others have cut the file.
    private var excused: [Range<Int>] = []

    init(released: Int) { self.released = released }

    /// The stream from where it is up to byte `next`.
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

    /// Whether `data` is the same but for NUL bytes, or an earlier end, where others have `cut` it.
    func allows(_ data: [UInt8], cut: [Range<Int>]) -> Bool {
      if cut.isEmpty || data.count > bytes.count { return false }
      var data = data + repeatElement(0, count: bytes.count - data.count)
      for range in cut {
        for at in range.clamped(to: data.indices) where data[at] == 0 { data[at] = bytes[at] }
      }
      return data == bytes
    }

    /// Whether `data` is the same but for NUL bytes where they are excused.
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
