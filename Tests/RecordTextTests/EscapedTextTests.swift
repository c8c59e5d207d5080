import Testing

@testable import RecordText

@Suite struct EscapedTextTests {
  @Test(
    "Any bytes survive the way there and back",
    arguments: [
      [], Array("plain".utf8), Array("grüße 日本 🚀".utf8), [0xFF], [0x80, 0x41, 0xC3], [0xC3, 0x28],
      [0xED, 0xA0, 0x80], [0xF4, 0x8F, 0xBE, 0x80], [0xF4, 0x8F, 0xBF, 0xBF, 0xFE], [0xF0, 0x9F, 0x9A],
      [0xC0, 0xAF], [0xF5, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
  func roundTrip(_ bytes: [UInt8]) {
    #expect(String(escaping: bytes).originalBytes == bytes)
  }

  @Test func randomBytesSurvive() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...24)).map { _ in
        // Mostly bytes at the boundaries of UTF-8's encodings.
        Bool.random()
          ? UInt8.random(in: 0x7E...0xFF, using: &generator) : [0xF4, 0x8F, 0xBE, 0xBF].randomElement()!
      }
      #expect(String(escaping: bytes).originalBytes == bytes, "\(bytes)")
    }
  }

  @Test func validTextStaysItself() {
    #expect(String(escaping: Array("naïve".utf8)) == "naïve")
  }

  @Test func displayHidesWhatIsNoText() {
    #expect(String(escaping: [0x41, 0xFF, 0x0A, 0x42]).forDisplay == "A\u{FFFD} B")
    for value in Array(0..<0x20) + Array(0x7F...0x9F) + [0x2028, 0x2029] as [UInt32] {
      #expect(Unicode.Scalar(value).map { "a\($0)b".forDisplay } == "a b", "\(value)")
    }
    for value in Array(0x202A...0x202E) + Array(0x2066...0x206F) as [UInt32] {
      #expect(Unicode.Scalar(value).map { "a\($0)b".forDisplay } == "a\u{FFFD}b", "\(value)")
    }
    #expect("one\u{1B}\ntwo\r\n".linesForDisplay == "one \ntwo \n")
  }

  @Test(
    "A legitimate name is shown as it is",
    arguments: [
      "naïve", "cafe\u{301}", "日本語", "Ωμέγα", "👩‍👩‍👧", "🏴\u{E0067}\u{E0062}\u{E007F}", "שלום", "می‌خواهم",
      "\u{200F}עברית\u{200E}", "a\u{AD}b", "x\u{A0}y", "",
    ])
  func displayKeepsText(_ text: String) { #expect(text.forDisplay == text) }
}
