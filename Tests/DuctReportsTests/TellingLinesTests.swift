import RecordText
import Testing

@testable import DuctReports

@Suite struct TellingLinesTests {
  private typealias Line = TellingLines.Line

  private func find(_ text: String, most: Int = 10, width: Int? = 100, isCut: Bool = false) -> [String] {
    TellingLines.find(in: Array(text.utf8), isStartCut: isCut, most: most, width: width).map(\.description)
  }

  private func many(_ count: Int, _ name: String = "INFO step") -> String {
    (1...count).map { "\(name) \($0)\n" }.joined()
  }

  private let bar = " 45%|████▌     | 450/1000 [00:12<00:14, 37.10it/s]"

  // MARK: The end of the output

  @Test func withoutAnErrorTheLastLines() {
    #expect(find(many(5000), most: 2) == ["INFO step 4999", "INFO step 5000"])
    #expect(find("no newline") == ["no newline"])
    #expect(find("\n\n first\n\n\n\nlast\n\n\n") == [" first", "", "last"])
    for blank in ["", "\n", "  \n\t\n", "\u{1B}[0m\n"] { #expect(find(blank) == []) }
    #expect(find("text", most: 0) == [])
  }

  @Test func identicalLinesAreFolded() {
    let text = "start\n" + String(repeating: "waiting\n", count: 41) + "two\ntwo\nend\n"
    #expect(find(text) == ["start", "waiting", "… (the same line 41 times)", "two", "two", "end"])
    #expect(find(text, most: 3) == ["two", "two", "end"])
    #expect(find("two\ntwo\n", most: 1) == ["two"])
    #expect(find("error: x\nerror: x\nerror: x\nend\n", most: 1) == ["error: x"])
    #expect(find(text, most: 5) == ["waiting", "… (the same line 41 times)", "two", "two", "end"])
  }

  @Test func theFirstLineIsDroppedIfItsStartIsNotThere() {
    #expect(find("ror: cut\nwhole\n", isCut: true) == ["whole"])
    #expect(find("ror: cut\r\nwhole\n", isCut: true) == ["whole"])
    #expect(find("█▌  | 44/100\r 45/100\r 46/100", isCut: true) == [" 46/100"])
    #expect(find("a line without an end", isCut: true) == ["a line without an end"])
  }

  @Test func beforeABarTheLastLines() {
    let frames = (0..<400).map { "\r \($0 / 4)%|███       | \($0)/400 [00:12<00:14, 37.10it/s]" }.joined()
    let last = " 99%|███       | 399/400 [00:12<00:14, 37.10it/s]"
    #expect(frames.utf8.count > 16_384)
    #expect(find(many(100) + frames, most: 3) == ["INFO step 99", "INFO step 100", last])
    #expect(
      find("ERROR: no space in the scratch folder\n" + many(100) + frames, most: 5) == [
        "ERROR: no space in the scratch folder", "… (98 lines left out)", "INFO step 99", "INFO step 100",
        last,
      ])
  }

  /// A bar with a newline after each state: of the states that follow each other, the last is shown.
  @Test func ofABarInLinesTheLastState() {
    let dots = (0..<20).map { "\($0 * 50)K .......... .......... \($0 * 5)%  288M 0s\n" }.joined()
    #expect(
      find("Saving to: ‘big’\n\n" + dots + "\nsaved\n")
        == [
          "Saving to: ‘big’", "… (20 lines left out)", "950K .......... .......... 95%  288M 0s", "", "saved",
        ])
    let bars = (0..<4).map { "bar \($0): 100%|████| 4/4\n" }.joined()
    #expect(find("text\n" + bars) == ["text", "… (3 lines left out)", "bar 3: 100%|████| 4/4"])
  }

  @Test(arguments: [
    " 45%|████▌     | 450/1000 [00:12<00:14, 37.10it/s, loss=0.3]",
    "45%|####5     | 450/1000 [00:12<?, ?it/s]",
    "Epoch 3/10: 100%|██████████| 100/100 [00:10<00:00,  9.10it/s]", "450it [00:12, 37.10it/s]",
    "1.20kB [00:00, 5.04MB/s]", "[=====>    ] 45%", "45% [####------]", "|########........| 45/100",
    "   ━━━━━━━━━╸━━━━━━ 45.2/100.0 MB 10.2 MB/s eta 0:00:05", "Downloading ━━━━━━━━━━━━━━━━  45% 0:00:12",
    "|████████| 3/3 [100%] in 0.2s (3226.58/s)",
    "100% (3 of 3) |########| Elapsed Time: 0:00:00 ETA: 0:00:00",
    "big      49%[========>           ] 144.00K   200KB/s    eta 1s", "######################## 45.2%",
    "   100K .......... .......... .......... .......... .......... 51%  612M 0s",
    "   250K .......... .......... .......... .......... ..        100%  480M=0.001s",
    "100  292k  100  292k    0     0   608k      0 --:--:-- --:--:-- --:--:--  609k",
    " 45 1024M   45  460M    0     0  10.2M      0  0:01:40  0:00:45  0:00:55 10.3M",
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
    "450/1000 [=====>........] - ETA: 12s - loss: 0.3", "5 of 10 steps (50%) done", "Progress: 45%",
    " 45.0 %",
    "⣿⣿⣿⣿⣀⣀⣀⣀ 45%",
  ]) func progress(_ line: String) {
    #expect(Array(line.utf8).withUnsafeBufferPointer(ProgressLine.matches))
  }

  @Test(arguments: [
    "", "text", "accuracy: 95%", "epoch 3/10 loss=0.3", "| name | 45% |", "==========",
    "[ 45%] Building CXX object a.o",
    "1 2 3 4 5 6 7 8 9 10 11 12", "━━━━━━━━━━", "2026-11-29 18:00:00 INFO [main] 3 files/s", "100K rows",
    "[1, 2, 3]",
    "tests/test_a.py ....................                                  [ 40%]", "10% 20% 30% 40%",
  ]) func noProgress(_ line: String) {
    #expect(!Array(line.utf8).withUnsafeBufferPointer(ProgressLine.matches))
  }

  // MARK: Failures

  @Test func errorsAnywhereComeBeforeTheEnd() {
    let text = "ERROR: cannot open subject 3\n" + many(500) + "ValueError: bad\n" + many(300, "cleanup")
    #expect(
      find(text, most: 6) == [
        "ERROR: cannot open subject 3", "… (500 lines left out)", "ValueError: bad", "… (298 lines left out)",
        "cleanup 299", "cleanup 300",
      ])
    #expect(find(text, most: 1) == ["ValueError: bad"])
  }

  @Test func slurmSaysWhy() {
    let limit =
      "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-29T18:00:00 DUE TO TIME LIMIT ***"
    #expect(find(many(400) + limit + "\n", most: 3) == ["INFO step 399", "INFO step 400", limit])
    let killed =
      "/var/spool/slurmd/job00012/slurm_script: line 9: 31337 Killed                  python train.py"
    let memory =
      "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch. "
      + "Some of the step tasks have been OOM Killed."
    #expect(
      find(many(40) + "\(killed)\n\(memory)\n" + many(40, "line"), most: 6, width: nil)
        == [killed, memory, "… (37 lines left out)", "line 38", "line 39", "line 40"])
    // On the line of the bar, which is not at its end.
    let line = find(many(40) + "\r" + bar + limit, most: 2, width: 60)[1]
    #expect(
      line.hasPrefix(" 45%|██") && line.contains("slurmstepd: error: ***") && line.hasSuffix("…"), "\(line)")
  }

  /// The same error of many tasks is shown once, so that it hides no other.
  @Test func linesThatDifferInNumbersAreOneKind() {
    let tasks = (0..<64).map { "srun: error: n\($0 / 8): task \($0): Exited with exit code 1\n" }.joined()
    #expect(
      find("Bus error (core dumped)\n" + many(50) + tasks + many(50, "end"), most: 5) == [
        "Bus error (core dumped)", "… (113 lines left out)",
        "srun: error: n7: task 63: Exited with exit code 1",
        "… (49 lines left out)", "end 50",
      ])
  }

  @Test func aTracebackIsShownWhole() {
    let traceback = """
      Traceback (most recent call last):
        File "/home/u/bar.py", line 5, in <module>
          if i == 22: raise ValueError("cannot read sub-22")
                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      ValueError: cannot read sub-22
      """
    let lines = traceback.split(separator: "\n").map(String.init)
    #expect(
      find(many(100) + traceback + "\n" + many(100, "after"), most: 8)
        == lines + ["… (98 lines left out)", "after 99", "after 100"])
    // As tqdm writes it: behind the bar, and the bar again after it.
    let shown = find("\r" + bar + traceback + "\n\r" + bar)
    #expect(shown == [bar + lines[0]] + lines.dropFirst() + [bar])
    // Of two, the last whole one; the other's exception may follow.
    let chained = find(
      "\(traceback)\n\nThe above exception was the direct cause:\n\n\(lines[0])\n  File x\nE: y\n", most: 6)
    #expect(chained.suffix(3) == [lines[0], "  File x", "E: y"])
    #expect(chained.first == lines[4], "\(chained)")
    let prefixed = traceback.split(separator: "\n").map { "[rank0]: \($0)\n" }.joined()
    #expect(find(prefixed + many(100), most: 7).prefix(5) == lines.map { "[rank0]: \($0)" }[...])
  }

  @Test(arguments: 1...12) func aLongTracebackLosesItsMiddle(_ most: Int) {
    let frames = (0..<50).map { "  File \"a.py\", line \($0), in f\n    f(\($0))\n" }.joined()
    let text =
      many(30) + "Traceback (most recent call last):\n" + frames + "RuntimeError: boom\n" + many(30, "after")
    let shown = find(text, most: most)
    #expect(shown.contains("RuntimeError: boom"), "\(shown)")
    #expect(shown.count <= most)
    if most >= 6 {
      #expect(shown[0] == "Traceback (most recent call last):")
      #expect(shown.contains("    f(49)"), "\(shown)")
      #expect(shown.last == "after 30")
    }
  }

  @Test func anExceptionGroup() {
    let group = [
      "  + Exception Group Traceback (most recent call last):",
      "  |   File \"group.py\", line 3, in <module>",
      "  |     a()", "  | ExceptionGroup: two (2 sub-exceptions)", "  +-+---------------- 1 ----------------",
      "    | ValueError: one", "    +------------------------------------",
    ]
    #expect(find(group.joined(separator: "\n") + "\n" + many(90), most: 7).prefix(4) == group.prefix(4))
  }

  @Test func theLinesBelowBelongToIt() {
    let cases = [
      ["terminate called after throwing an instance of 'std::runtime_error'", "  what():  boom"],
      [
        "thread 'main' (11983) panicked at p.rs:1:54:",
        "index out of bounds: the len is 0 but the index is 3",
      ],
      ["Exception in thread \"main\" java.lang.RuntimeException: outer", "        at A.main(A.java:2)"],
      [
        "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD", "  Proc: [[26412,1],3]",
        "  Errorcode: 17",
      ],
      ["Error in rule align:", "    jobid: 5"],
      ["Error in library(notthere) :", "  there is no package called ‘notthere’"],
    ]
    for lines in cases {
      let text = many(50) + lines.joined(separator: "\n") + "\n" + many(50, "after")
      #expect(find(text, most: 6).prefix(lines.count) == lines[...])
    }
  }

  // MARK: The result

  @Test func longLinesAreCutAndKeepWhatTells() {
    let long = String(repeating: "x", count: 16_384)
    #expect(find(long, width: 20) == [String(repeating: "x", count: 19) + "…"])
    #expect(find("ERROR: " + long, width: 20) == ["ERROR: xxxxxxxxxxxx…"])
    let shown = find(long + " error: the disk is full " + long, width: 60)
    #expect(shown[0].hasPrefix("xxxxxxxxxxxxxxx…x") && shown[0].contains("error: the disk"), "\(shown)")
    #expect(find(String(repeating: "日", count: 30), width: 20) == [String(repeating: "日", count: 9) + "…"])
    #expect(find(long).first?.count == 100)
    #expect(find(long, width: nil).first?.count == String.longestShown)
  }

  /// Any text: never more lines than asked for, no wider, in the order of the text, marks only between lines.
  @Test(arguments: 0..<60) func theResultFits(_ seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let pieces = [
      "", "", "text", "text", "same", "error: a", "it failed", "Killed", bar, "45% done", "srun: error: n1",
      "Traceback (most recent call last):", "  File x", "    code", "ValueError: x", "a\u{1B}[Ab",
      "Caused by: x",
      String(repeating: "long error ", count: 30), String(repeating: "日本", count: 99) + "error:",
    ]
    let text = (0..<random(120)).map { "\(pieces[random(pieces.count)])\(random(2) == 0 ? "" : " \($0)")\n" }
      .joined()
    let played = FoldedText(PlayedText(Array(text.utf8))).runs.reduce(0) { $0 + $1.count }
    let (most, width) = (random(25), 1 + random(120))
    let lines = TellingLines.find(in: Array(text.utf8), isStartCut: false, most: most, width: width)
    #expect(lines.count <= most)
    var total = 0
    for (line, next) in zip(lines, Array(lines.dropFirst()) + [.text("")]) {
      switch line {
      case .text(let text):
        #expect(text.displayWidth <= width)
        total += 1
      case .repeated(let count):
        #expect(count > 2)
        total += count - 1
      case .leftOut(let count):
        #expect(count > 1 && next != .text("") && line != lines.last && line != lines.first)
        total += count
      }
    }
    #expect(total <= played)
  }

  @Test(arguments: [
    "error\n", "error ", "xError", "xError:", "a\nerror 1\n", "Traceback (most recent call last):\n",
    "45% done\n",
    "Traceback (most recent call last):\n  File x\nx\n", " Traceback (most recent call last):\n  x\n",
    "a\u{301}", "\n",
    "error          ", "█", "\u{85}", "no no error", "error: 0", "a\n\n",
  ]) func hostileInput(_ piece: String) {
    let text = String(repeating: piece, count: 40_000 / piece.utf8.count)
    for most in [1, 10, 1000] {
      let lines = TellingLines.find(in: Array(text.utf8), isStartCut: true, most: most, width: 80)
      #expect(lines.count <= most)
    }
  }
}
