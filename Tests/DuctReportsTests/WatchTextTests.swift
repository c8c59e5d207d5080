import SlurmJobs
import Testing

@testable import DuctReports

/// What `con-duct jobs --watch` shows.
@Suite struct WatchTextTests {
  private func jobs(_ counts: [(JobState, Int)]) -> [JobRecord] {
    var id: UInt32 = 0
    return counts.flatMap { state, count in
      (0..<count).map { _ in
        id += 1
        var job = JobRecord(state: state)
        job.jobID = id
        return job
      }
    }
  }

  @Test func aBarShowsWhatExistsHoweverLittle() {
    let counts = JobCounts(jobs([(.completed, 500), (.failed, 1), (.running, 1), (.pending, 498)]))
    #expect(WatchText.bar(counts, width: 10) == "█████x▒░░░")
    #expect(WatchText.bar(JobCounts(jobs([(.completed, 3)])), width: 4) == "████")
    #expect(WatchText.bar(JobCounts([]), width: 4) == "░░░░")
    #expect(WatchText.bar(counts, width: 1) == "x" || WatchText.bar(counts, width: 1).count == 1)
  }

  @Test func linesFitTheTerminal() {
    let counts = JobCounts(jobs([(.completed, 2), (.failed, 1), (.pending, 9)]))
    let status = WatchStatus(problem: nil, left: "about 00:40 left, until 21:55", secondsSinceAnswer: 7)
    #expect(
      WatchText.screen(counts, status, width: 100) == [
        WatchText.bar(counts, width: 33)
          + " 3 of 12 ended, 1 failed: 2 COMPLETED, 9 PENDING, 1 FAILED",
        "about 00:40 left, until 21:55; answered 00:07 ago; Ctrl-C stops watching",
      ])
    #expect(WatchText.screen(counts, status, width: 20).allSatisfy { $0.count == 19 })
    #expect(WatchText.screen(counts, status, width: 1).allSatisfy { $0.count == 1 })
  }

  @Test func eachFailureIsToldOnceAndManyAreOneLine() {
    var text = WatchText()
    var all = jobs([(.failed, 8), (.pending, 1), (.running, 1)])
    for index in 0..<8 { all[index].exitCode = 3 }
    all[8].stateReason = "JobHeldUser"
    let news = text.news(all) { $0.state == .running }
    #expect(news.count == 8 && news[0] == "job 1: FAILED, exit code 3" && news[5] == "and 3 more failed")
    #expect(
      news[6].hasPrefix("job 9: does not start by itself: ") && news[7].hasPrefix("job 10: RUNNING when last")
    )
    #expect(text.news(all) { $0.state == .running } == [])
    #expect(text.change(JobCounts(all)) == "8 of 10 ended: 1 RUNNING, 8 FAILED, 1 not starting")
    #expect(text.change(JobCounts(all)) == nil)
    #expect(text.change(problem: "Slurm is down") == "Slurm is down (trying again)")
    #expect(text.change(problem: "still down") == nil && text.change(problem: nil) == "All is answered again")
  }

  @Test func theEstimateIsTheRateSoFar() {
    var all = jobs([(.completed, 4), (.running, 2), (.pending, 6)])
    for index in 0..<6 { all[index].startTime = 1000 + index }
    #expect(WatchEstimate.secondsLeft(all, now: 1100) == 200)
    #expect(WatchEstimate.secondsLeft(Array(all.dropFirst(2)), now: 1100) == nil, "two tell nothing")
    #expect(WatchEstimate.secondsLeft(Array(all.prefix(4)), now: 1100) == nil, "nothing is left")
    #expect(WatchEstimate.secondsLeft(all, now: 900) == nil, "a clock that is behind")
    for index in 0..<4 { all[index].startTime = .min }
    #expect(WatchEstimate.text(all, now: 1100) == nil)
  }

  @Test func linesAreErasedAlsoAfterTheTerminalBecameNarrower() {
    var live = LiveLines()
    let first = live.draw(["12345678", "1234"], width: 10)
    #expect(first == "\u{1B}[?25l\u{1B}[?7l12345678\n1234\u{1B}[?7h")
    let second = live.draw(["a"], above: ["news"], width: 4)
    #expect(second.hasPrefix("\u{1B}[2A\r\u{1B}[Jnews\n\u{1B}[?25l"))
    #expect(live.end(["done"], width: 4) == "\r\u{1B}[Jdone\n\u{1B}[?25h")
    #expect(live.end(["done"], width: 4) == "done\n", "nothing is drawn, and the cursor is as it was")
  }
}
