import RecordText
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctRecords
@testable import DuctSettings

/// What a refresh does with records if Slurm does not answer. SlurmTests tests it with answers.
@Suite struct JobRefreshTests {
  private let unreadable = Surroundings(
    entries: ["SLURM_CONF=/nonexistent/slurm.conf", "DUCT_CONFIG_PATHS=/nonexistent"].map { Array($0.utf8) })

  private func active(seenBefore seconds: Double) throws -> RecordedRun {
    var run = try run(record())
    run.jobs[0].state = .running
    run.jobs[0].lastSeen = WallTime.now.seconds - seconds
    return run
  }

  @Test func anUnreadableConfigurationIsSaidAtOnce() throws {
    let refresh = JobRefresh([try active(seenBefore: 1000)], unreadable, by: .auto, limit: 20)
    #expect(refresh.problem?.hasPrefix("cannot read /nonexistent/slurm.conf: ") == true)
    let byTag = JobRefresh(runID: "x", unreadable, by: .auto, limit: 20)
    #expect(byTag.problem?.hasPrefix("cannot read /nonexistent/slurm.conf: ") == true)
  }

  /// Without an answer, states from before the refresh are stale.
  @Test func whatWasSeenBeforeTheRefreshIsOldHoweverLongItMayTake() throws {
    let refresh = JobRefresh([try active(seenBefore: 5)], unreadable, by: .auto, limit: 20)
    #expect(refresh.jobs.map { $0.map(\.stale) } == [[true]])
  }

  private func tagged(_ start: Int, _ state: String, job: JobState = .completed) throws -> RecordedRun {
    var run = try run(
      record(
        summary: ", \"start_time\": \(start)", members: ", \"run_state\": \"\(state)\""))
    run.jobs[0].state = job
    return run
  }

  /// The refresh looks up every active run by its tag, but only the latest of the finished ones.
  @Test func everyRunWithATagIsAskedForUnlessTooManyAreOver() throws {
    #expect(JobRefresh.askedByTag([try tagged(1000, "finished")]) == [0])
    let over = try (1...120).map { try tagged($0 * 1000, "finished") }
    #expect(JobRefresh.askedByTag(over) == Array(20..<120).reversed(), "the latest")
    let going = try [
      tagged(100, "running"), tagged(300, "interrupted"), tagged(200, "finished", job: .running),
    ]
    #expect(JobRefresh.askedByTag(going + over).prefix(3) == [1, 2, 0])
    #expect(JobRefresh.askedByTag(going + over).count == 103)
  }

  /// One request for all runs together, from the start of the first one.
  @Test func manyRunsAreOneRequest() throws {
    let runs = try (1...130).map { try tagged(200 - $0, "running") }
    let requests = JobRefresh.requests(for: runs)
    guard case .accountingOfUser(_, let since, _, let tags)? = requests.first else {
      Issue.record("\(requests)")
      return
    }
    #expect(requests.count == 2 && tags.count == 100 && since == 40)
    #expect(JobRefresh.requests(for: []) == [])
  }

  /// An old run among new ones does not make their request go back to its start.
  @Test func aRequestCoversThirtyDays() throws {
    let day = 86400
    let runs = try [100, 99, 75, 40, 39].map { try tagged($0 * day + 60, "running") }
    let since = JobRefresh.requests(for: runs).map { request -> Int in
      guard case .accountingOfUser(_, let since, _, _) = request else { return -1 }
      return since
    }
    #expect(since == [75 * day, 39 * day])
  }

  @Test(arguments: ["null", "\"x'; --\"", "\"wckey\"", "\"duct-a,b\"", "7"])
  func whatIsNoTagIsNotAskedFor(_ tag: String) throws {
    let text = "{\"schema_version\": \"0\", \"execution_summary\": {}, \"slurm\": {\"tag\": \(tag)}}"
    #expect(JobRefresh.askedByTag([try run(text)]) == [])
  }
}
