internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// The words of `con-duct jobs --watch`: what changed since the last look, and the lines of the terminal.
struct WatchText {
  /// Jobs of one kind that are named at a time.
  private static let mostNamed = 5

  private var told: Set<String> = []
  private var lastCounts: JobCounts?
  private var lastProblem: String?

  /// Lines about jobs that have failed, do not start by themselves or are lost, each told once.
  mutating func news(_ jobs: [JobRecord], isLost: (JobRecord) -> Bool) -> [String] {
    var (failed, stuck, lost): ([JobRecord], [JobRecord], [JobRecord]) = ([], [], [])
    for job in jobs {
      if job.hasEnded {
        if job.hasFailed, note(job, "failed") { failed.append(job) }
      } else if StateReason.neverStarts(job) {
        if note(job, job.stateReason ?? "") { stuck.append(job) }
      } else if isLost(job), note(job, "lost") {
        lost.append(job)
      }
    }
    return lines(failed, "more failed") { "\($0.state), \(EndCause($0).text)" }
      + lines(stuck, "more do not start by themselves") { job in
        let reason = StateReason(job.stateReason ?? "")
        return "does not start by itself: \(reason.text)" + (reason.advice.map { ". \($0)" } ?? "")
      }
      + lines(lost, "more are not known to Slurm any more") {
        "\($0.state) when last seen; Slurm does not know it any more"
      }
  }

  private mutating func note(_ job: JobRecord, _ what: String) -> Bool {
    told.insert("\(job.cluster ?? "") \(job.displayID) \(job.submitTime ?? 0) \(what)").inserted
  }

  private func lines(_ jobs: [JobRecord], _ more: String, _ words: (JobRecord) -> String) -> [String] {
    let named = jobs.prefix(Self.mostNamed).map { job in
      let place = job.hasEnded ? job.nodeList.map { ", on \($0)" } ?? "" : ""
      return "job \(job.displayID)\(job.name.map { " (\($0))" } ?? ""): \(words(job))\(place)"
    }
    let left = JobSummary.count(Array(jobs.dropFirst(Self.mostNamed)))
    return named + (left > 0 ? ["and \(left) \(more)"] : [])
  }

  /// A line if the counts are not as they were; nil if they are.
  mutating func change(_ counts: JobCounts) -> String? {
    if counts == lastCounts { return nil }
    lastCounts = counts
    return "\(counts.ended) of \(counts.total) ended" + (counts.text.isEmpty ? "" : ": \(counts.text)")
  }

  /// A line if what was asked has begun or ceased to answer; nil otherwise.
  mutating func change(problem: String?) -> String? {
    if (problem == nil) == (lastProblem == nil) { return nil }
    lastProblem = problem
    return problem.map { "\($0) (trying again)" } ?? "All is answered again"
  }

  // MARK: The terminal

  /// The live lines, each of at most `width` columns.
  static func screen(_ counts: JobCounts, _ status: WatchStatus, width: Int) -> [String] {
    let first = "\(bar(counts, width: min(max(width / 3, 10), 40))) \(counts.ended) of \(counts.total) ended"
    let failed = counts.failed > 0 ? ", \(counts.failed) failed" : ""
    let states = counts.text.isEmpty ? "" : ": \(counts.text)"
    var second = status.problem ?? status.left ?? "no estimate yet"
    second += "; answered \(shortDuration(status.secondsSinceAnswer)) ago; Ctrl-C stops watching"
    return [first + failed + states, second].map { String($0.forDisplay.prefix(max(width - 1, 1))) }
  }

  /// A bar of `width` columns: ended well, ended otherwise, running, the rest.
  static func bar(_ counts: JobCounts, width: Int) -> String {
    let total = max(counts.total, 1)
    let parts = [
      ("█", counts.ended - counts.failed), ("x", counts.failed), ("▒", counts.running),
    ]
    var bar = ""
    for (mark, count) in parts {
      let share = Double(count) / Double(total) * Double(width)
      // What exists is seen, however little it is.
      let columns = count == 0 ? 0 : max(Int(share.rounded(.down)), 1)
      bar += String(repeating: mark, count: min(columns, width - bar.count))
    }
    return bar + String(repeating: "░", count: width - bar.count)
  }
}

/// What the second live line tells.
struct WatchStatus {
  /// What does not answer, and why, in a sentence; nil if all is answered.
  var problem: String?
  /// When all will have ended, in words; nil while too little is known.
  var left: String?
  /// Since Slurm's last answer.
  var secondsSinceAnswer: Int
}

/// When all jobs will have ended, if they go on ending as they have.
struct WatchEstimate {
  /// Fewer ended jobs than this tell nothing of the others.
  static let fewest = 3

  /// Seconds from now; nil if too little is known.
  ///
  /// The rate is that of the jobs that have ended since the first one started.
  static func secondsLeft(_ jobs: [JobRecord], now: Double) -> Double? {
    let counts = JobCounts(jobs)
    let ran = jobs.filter { $0.hasEnded && $0.startTime != nil }
    let ended = JobSummary.count(ran)
    guard ended >= fewest, counts.waitedFor > 0, let first = jobs.compactMap(\.startTime).min() else {
      return nil
    }
    let span = now - Double(first)
    guard span > 0, span.isFinite else { return nil }
    return Double(counts.waitedFor) * span / Double(ended)
  }

  /// `about 00:40 left, until 21:55`.
  static func text(_ jobs: [JobRecord], now: Double) -> String? {
    guard let seconds = secondsLeft(jobs, now: now), seconds < 366 * 86400 else { return nil }
    let format = seconds < 43200 ? "%H:%M" : "%Y-%m-%d %H:%M"
    return
      "about \(shortDuration(seconds.rounded())) left, until \(WallTime(seconds: now + seconds).text(format: format))"
  }
}
