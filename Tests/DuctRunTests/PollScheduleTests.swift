import SystemCalls
import Testing

@testable import DuctRun

@Suite struct PollScheduleTests {
  private let now = MonotonicInstant.now

  private func seconds(_ schedule: PollSchedule) -> Double? {
    schedule.next.map { ($0.seconds(since: now) * 1000).rounded() / 1000 }
  }

  /// The schedule plans no poll until something happens.
  @Test func nothingHappensUntilSomethingDoes() {
    var schedule = PollSchedule()
    #expect(schedule.next == nil)
    schedule.noteActivity(now)
    #expect(seconds(schedule) == 2)
    schedule.noteActivity(now + 1)
    #expect(seconds(schedule) == 2)
  }

  @Test func aSubmissionIsLookedAtSoonAndABurstOnce() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    #expect(seconds(schedule) == 0.5)
    for step in 1...20 { schedule.noteSubmission(now + Double(step) * 0.01) }
    #expect(seconds(schedule) == 0.5)
    schedule.noteStart(now + 0.5)
    schedule.notePoll(now + 0.5, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.01)
    #expect(seconds(schedule) == 5.5)
    schedule.noteSubmission(now + 0.6)
    #expect(seconds(schedule) == 2.5, "not again within two seconds")
  }

  @Test func pausesGrowWhileNothingChanges() {
    var schedule = PollSchedule()
    var time = now
    var pauses: [Double] = []
    for _ in 0..<8 {
      schedule.noteStart(time)
      schedule.notePoll(time, isAnswered: true, hasChanged: false, expectsMore: true, cost: 0.01)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
    }
    #expect(pauses == [4, 8, 16, 32, 64, 75, 75, 75])
    schedule.noteStart(time)
    schedule.notePoll(time, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.01)
    #expect(schedule.next?.seconds(since: time).rounded() == 5)
    schedule.noteStart(time)
    schedule.notePoll(time, isAnswered: true, hasChanged: true, expectsMore: false, cost: 0.01)
    #expect(schedule.next == nil)
  }
}

extension PollScheduleTests {
  /// Something that happens during a poll causes another poll afterwards.
  @Test func whatIsSeenDuringAQuestionIsAskedForAfterwards() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    schedule.noteStart(now + 0.5)
    #expect(schedule.next == nil)
    schedule.noteSubmission(now + 0.6)
    schedule.notePoll(now + 0.7, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.01)
    #expect(seconds(schedule) == 2.5, "sooner than the five seconds after a change")
    schedule.noteStart(now + 2.5)
    schedule.noteActivity(now + 2.6)
    schedule.notePoll(now + 2.7, isAnswered: true, hasChanged: false, expectsMore: false, cost: 0.01)
    #expect(seconds(schedule) == 7.6)
    schedule.noteStart(now + 7.6)
    schedule.notePoll(now + 7.7, isAnswered: true, hasChanged: false, expectsMore: false, cost: 0.01)
    #expect(schedule.next == nil)
  }

  @Test func aQuestionThatIsNotAnsweredIsAskedAgainLaterAndLater() {
    var schedule = PollSchedule()
    var time = now
    var pauses: [Double] = []
    for _ in 0..<4 {
      schedule.noteStart(time)
      schedule.noteSubmission(time)
      schedule.noteActivity(time)
      schedule.notePoll(time, isAnswered: false, hasChanged: false, expectsMore: false, cost: 0.01)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
    }
    #expect(pauses == [4, 4, 4, 4], "each submission is a reason to ask soon, but not at once")
    (schedule, pauses) = (PollSchedule(), [])
    for _ in 0..<7 {
      schedule.noteStart(time)
      schedule.notePoll(time, isAnswered: false, hasChanged: false, expectsMore: false, cost: 0.01)
      guard let next = schedule.next else { break }
      pauses.append(next.seconds(since: time).rounded())
      time = next
    }
    #expect(pauses == [4, 8, 16, 32, 64, 75, 75])
  }

  /// `--wait-jobs` makes the next poll due immediately, even while another poll is in progress.
  @Test func whoWaitsForJobsAsksAtOnceAlsoDuringAQuestion() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    schedule.noteStart(now + 0.5)
    schedule.hurry(now + 1, longestPause: 15)
    schedule.notePoll(now + 2, isAnswered: true, hasChanged: false, expectsMore: false, cost: 0.01)
    #expect(seconds(schedule) == 1)
  }

  /// An answer about 10,000 jobs takes half a second to read.
  @Test func anExpensivePollIsRepeatedLessOften() {
    var schedule = PollSchedule()
    schedule.noteSubmission(now)
    schedule.noteStart(now + 0.5)
    schedule.notePoll(now + 1, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.4)
    #expect(seconds(schedule) == 41)
    schedule.noteSubmission(now + 2)
    #expect(seconds(schedule) == 41, "nor because of a submission")
    schedule.noteStart(now + 41)
    schedule.noteSubmission(now + 41.1)
    schedule.notePoll(now + 42, isAnswered: true, hasChanged: false, expectsMore: false, cost: 0.2)
    #expect(seconds(schedule) == 81)
    schedule.noteStart(now + 81)
    schedule.notePoll(now + 82, isAnswered: true, hasChanged: true, expectsMore: false, cost: 5)
    #expect(schedule.next == nil)
    schedule.noteActivity(now + 90)
    #expect(seconds(schedule) == 165, "never more than the longest pause")
    schedule.hurry(now + 91, longestPause: 15)
    schedule.noteStart(now + 91)
    schedule.notePoll(now + 92, isAnswered: true, hasChanged: true, expectsMore: true, cost: 5)
    #expect(seconds(schedule) == 107, "sooner while the user waits")
    schedule.noteStart(now + 107)
    schedule.notePoll(now + 108, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.001)
    #expect(seconds(schedule) == 113)
  }
}

extension PollScheduleTests {
  /// The instants of all polls of a run of some seconds. `note` tells the schedule what happens before each.
  private func polls(seconds: Double, _ note: (inout PollSchedule, MonotonicInstant) -> Void) -> [Double] {
    var schedule = PollSchedule()
    var times: [Double] = []
    var time = now
    note(&schedule, time)
    while let next = schedule.next, next.seconds(since: now) < seconds {
      time = next
      schedule.noteStart(time)
      schedule.notePoll(time, isAnswered: true, hasChanged: true, expectsMore: true, cost: 0.001)
      note(&schedule, time)
      times.append(time.seconds(since: now))
    }
    return times
  }

  /// A hundred orchestrators whose jobs change all the time cost slurmctld less than a squeue a minute each.
  @Test func fewerThanOneAMinuteWhateverChanges() {
    for submits in [false, true] {
      let times = polls(seconds: 3600) { schedule, time in
        if submits { schedule.noteSubmission(time) } else { schedule.noteActivity(time) }
      }
      #expect(times.count < 60 && times.count > 45, "\(times)")
      #expect(times.filter { $0 < 60 }.count >= 6, "the first ones come soon: \(times)")
      #expect(times.filter { $0 > 600 }.count < 50, "\(times)")
    }
  }

  /// What a quiet hour has spared serves the next submissions.
  @Test func aQuietTimeGivesQuickPollsAgain() {
    var schedule = PollSchedule()
    var time = now
    for _ in 0..<40 {
      schedule.noteStart(time)
      time = time + 3
    }
    schedule.noteSubmission(time)
    #expect(schedule.next.map { $0.seconds(since: time) > 50 } == true)
    time = time + 3600
    schedule.noteStart(time)
    schedule.noteSubmission(time)
    #expect(schedule.next?.seconds(since: time).rounded() == 2)
  }
}
