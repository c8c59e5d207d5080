import RecordText
import Testing

@testable import DuctReports

@Suite struct PlayedTextTests {
  private func lines(_ text: String) -> [String] { PlayedText(Array(text.utf8)).lines }

  @Test(arguments: [
    ("", []),
    ("one\ntwo\n", ["one", "two"]),
    ("one\r\ntwo", ["one", "two"]),
    ("\n\nend\n\n", ["", "", "end", ""]),
    ("abcdef\rxy\n", ["xycdef"]),
    ("12 %\u{8}\u{8}\u{8}\u{8}34", ["34 %"]),
    ("\u{8}\u{8}start", ["start"]),
    ("a\tb\n12345678\tc", ["a       b", "12345678        c"]),
    ("abcdefghij\rx\ty", ["xbcdefghyj"]),
    ("bell\u{7}, NUL\u{0}, delete\u{7F}", ["bell, NUL, delete"]),
    ("blanks   \n   \n", ["blanks", ""]),
    ("größer\rk", ["krößer"]),
    ("日本語\r中", ["中本語"]),
  ]) func controlCharacters(_ text: String, _ expected: [String]) {
    #expect(lines(text) == expected)
  }

  @Test(arguments: [
    ("\u{1B}[1;31mred\u{1B}[0m", ["red"]),
    ("\u{1B}[38:2:255:0:0mred\u{1B}[m \u{1B}(B", ["red"]),
    ("\u{1B}]0;a title\u{7}text\u{1B}]8;;https://a.b\u{1B}\\link\u{1B}]8;;\u{1B}\\", ["textlink"]),
    ("\u{1B}]0;a title without an end\nnext", ["", "next"]),
    ("\u{1B}Pdevice\u{1B}\\text\u{1B}7\u{1B}8\u{1B}=", ["text"]),
    ("\u{9B}31mred\u{9D}title\u{9C}, next\u{85}line", ["red, next", "line"]),
    ("\u{1B}[?25lhidden cursor\u{1B}[?25h\u{1B}[2 q", ["hidden cursor"]),
    ("not an end: \u{1B}[12\nnext", ["not an end:", "next"]),
    ("\u{1B}[12é", ["é"]),
    ("text\u{1B}", ["text"]),
    ("text\u{1B}[", ["text"]),
    ("text\u{1B}[1", ["text"]),
  ]) func sequencesAreRemoved(_ text: String, _ expected: [String]) {
    #expect(lines(text) == expected)
  }

  @Test(arguments: [
    ("long text\r\u{1B}[Kshort", ["short"]),
    ("long text\u{1B}[4D\u{1B}[0K", ["long"]),
    ("long text\u{1B}[5D\u{1B}[1K", ["     text"]),
    ("long text\u{1B}[2Kshort", ["         short"]),
    ("one\ntwo\nthree\u{1B}[2A\rONE", ["ONE", "two", "three"]),
    ("one\ntwo\u{1B}[A\rONE\n\rTWO\n\rthree", ["ONE", "TWO", "three"]),
    ("one\ntwo\u{1B}[FONE\u{1B}[ETWO", ["ONE", "TWO"]),
    ("one\ntwo\u{1B}M\rONE\u{1B}DTWO", ["ONE", "TWO"]),
    ("one\ntwo\n\u{1B}[2A\u{1B}[J\u{1B}[Bnew", ["new"]),
    ("ab\u{1B}[6Gcd\u{1B}[3Cef\u{1B}[Ggh", ["gh   cd   ef"]),
    ("one\u{1B}[2J\u{1B}[Htwo\u{1B}[H\u{1B}[2Jthree\u{1B}c", ["one", "two", "three"]),
    ("one\ntwo\u{1B}[5;3Hthree\u{1B}[A\rT", ["one", "two", "T three"]),
  ]) func sequencesAreObeyed(_ text: String, _ expected: [String]) {
    #expect(lines(text) == expected)
  }

  @Test func bytesThatAreNotUTF8AreEscaped() {
    let bytes: [UInt8] = [0x61, 0xFF, 0xC3, 0x0A, 0xED, 0xA0, 0x80, 0xC0, 0x80, 0x0A, 0xF4, 0x8F, 0xBF, 0x80]
    #expect(
      PlayedText(bytes).lines == [
        String(escaping: [0x61, 0xFF, 0xC3]), String(escaping: [0xED, 0xA0, 0x80, 0xC0, 0x80]),
        String(escaping: [0xF4, 0x8F, 0xBF, 0x80]),
      ])
    #expect(PlayedText([0xE9, 0x74, 0xE9, 0x0D, 0x61]).lines == [String(escaping: [0x61, 0x74, 0xE9])])
  }

  @Test func aBarOfThousandsOfStatesIsItsLastState() {
    let frames = (0...10_000).map { "\r\($0 / 100)%|\(String(repeating: "█", count: $0 / 500))| \($0)/10000" }
    #expect(
      lines("start\n" + frames.joined() + "\nend") == ["start", frames[10_000].dropFirst() + "", "end"])
  }

  /// What tqdm 4 wrote: three bars, a message above them, and then a bar that ends first.
  @Test func barsOfTqdm() {
    let up = "\u{1B}[A"
    let blank = "\r" + String(repeating: " ", count: 34) + "\r"
    let (start, middle, end) = (
      "|                 | 0/3", "|███████████▎     | 2/3", "|█████████████████| 3/3"
    )
    let written = [
      "\rbar 0:   0%\(start)\n\rbar 1:   0%\(start)\(up)\n\n\rbar 2:   0%\(start)\(up)\(up)",
      "\rbar 0:  67%\(middle)\n\rbar 1:  67%\(middle)\(up)\n\n\rbar 2:  67%\(middle)\(up)\(up)",
      "\(blank)\n\(blank)\(up)\n\n\(blank)\(up)\(up)a message\n",
      "\rbar 0:  67%\(middle)\n\rbar 1:  67%\(middle)\(up)\n\n\rbar 2:  67%\(middle)\(up)\(up)",
      "\n\rbar 1: 100%\(end)\(up)\rbar 1: 100%\(end)\n\rbar 0:  67%\(middle)\n\rbar 2:  67%\(middle)\n",
    ]
    #expect(lines(written[0]) == ["bar 0:   0%\(start)", "bar 1:   0%\(start)", "bar 2:   0%\(start)"])
    #expect(
      lines(written[...3].joined())
        == ["a message", "bar 0:  67%\(middle)", "bar 1:  67%\(middle)", "bar 2:  67%\(middle)"])
    #expect(
      lines(written.joined())
        == ["a message", "bar 1: 100%\(end)", "bar 0:  67%\(middle)", "bar 2:  67%\(middle)"])
  }

  /// What rich 14 wrote: two bars in colors, and a message above them.
  @Test func barsOfRich() {
    let (red, grey, magenta, plain) = ("\u{1B}[91m", "\u{1B}[90m", "\u{1B}[35m", "\u{1B}[0m")
    let again = "\r\u{1B}[2K\u{1B}[1A\u{1B}[2K"
    let none = "\(grey)━━━━━━\(plain) \(magenta)  0%\(plain)"
    let half = "\(red)━━━\(plain)\(grey)╺\(plain)\(grey)━━\(plain) \(magenta) 50%\(plain)"
    let written = [
      "\u{1B}[?25l\r\u{1B}[2Ka \(none)\r\u{1B}[2Ka \(none)\nb \(none)\(again)a \(half)\nb \(none)",
      "\(again)a message\na \(half)\nb \(none)", "\(again)a \(half)\nb \(half)\n\u{1B}[?25h",
    ]
    #expect(lines(written.joined()) == ["a message", "a ━━━╺━━  50%", "b ━━━╺━━  50%"])
  }

  /// The bars of wget and of pip, on a terminal.
  @Test func barsOfDownloads() {
    let wget = [
      "Saving to: ‘big’\r\n\r\n\rbig      0%[          ]       0  --.-KB/s               ",
      "\rbig     49%[===>      ] 144.00K   200KB/s               ",
      "\rbig    100%[=========>] 292.97K   207KB/s    in 1.4s    \r\n\r\n",
    ]
    #expect(
      lines(wget.joined())
        == ["Saving to: ‘big’", "", "big    100%[=========>] 292.97K   207KB/s    in 1.4s", ""])
    let pip = [
      "\u{1B}[?25l     \u{1B}[90m━━━━\u{1B}[0m \u{1B}[32m0.0/2.0 MB\u{1B}[0m eta \u{1B}[36m-:--:--\u{1B}[0m",
      "\r\u{1B}[2K     \u{1B}[90m━━━━\u{1B}[0m ",
      "\u{1B}[32m2.0/2.0 MB\u{1B}[0m eta \u{1B}[36m0:00:00\u{1B}[0m\r\n",
      "\u{1B}[?25hSaved\r\n",
    ]
    #expect(lines(pip.joined()) == ["     ━━━━ 2.0/2.0 MB eta 0:00:00", "Saved"])
  }

  /// The rows that the cursor reaches are limited; lines above them stay as they are.
  @Test func theCursorStaysOnTheScreen() {
    let many = (1...1000).map { "\($0)\n" }.joined()
    #expect(lines(many).count == 1000)
    let moved = lines(many + "\u{1B}[9999Atop\r\u{1B}[9999Bbottom")
    #expect(moved.count == 1001)
    #expect(moved[1000 - TerminalScreen.height + 1] == "top")
    #expect(moved[1000] == "bottom")
    let far = lines("\u{1B}[99999999999999999999Gx\u{1B}[99999999999999999999Cy\u{1B}[99999D|")
    #expect(far[0].count == TerminalScreen.farthestColumn + 2 && far[0].hasPrefix("|"))
  }

  /// Text does not grow more than a limit, whatever the input says.
  @Test(arguments: [
    "\n", "\r", "\t", "x\t", "\u{8}", "\u{0}", "\u{1B}", "\u{1B}[", "9", "\u{1B}]0;", "\u{1B}P", "\u{9B}",
    "█",
    "\u{1B}[999999999Gx", "\rx\u{1B}[500Gy\n", "x\u{1B}[999999999Cy", "x\u{1B}[2J", "\u{1B}[H", "\u{1B}[999A",
    "a\n\u{1B}[99A\u{1B}[J", "\u{1B}[1K", "a\u{1B}[1K", "a\u{1B}[2Kb\u{1B}[K", "\rx\u{1B}[500G\u{1B}[1K",
  ]) func hostileInput(_ piece: String) {
    for start in ["", "a\u{1B}[", String(repeating: "long", count: 10_000)] {
      let bytes = Array((start + String(repeating: piece, count: 40_000 / piece.utf8.count)).utf8)
      let played = PlayedText(bytes)
      #expect(played.bytes.count <= 4 * bytes.count + TerminalScreen.freeBlanks)
      #expect(played.count <= bytes.count)
    }
  }
}
