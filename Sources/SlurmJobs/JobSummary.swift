/// Summarizes jobs by state in words.
public enum JobSummary {
  private static let mostNamed = 5

  /// `12 submitted: 9 COMPLETED, 2 RUNNING, 1 FAILED (job 118: exit code 3)`.
  public static func text(_ jobs: [JobRecord]) -> String {
    let groups = Dictionary(grouping: jobs, by: \.state)
    let parts = groups.keys.sorted(by: JobState.displayOrder).map { state in
      let group = groups[state] ?? []
      let stale = count(group.filter(\.stale))
      var part = "\(count(group)) \(state)"
      let named = group.filter(\.needsAttention)
      if !named.isEmpty { part += " (\(self.named(named)))" }
      if stale > 0 { part += stale == count(group) ? " when last seen" : " (\(stale) when last seen)" }
      return part
    }
    return "\(count(jobs)) submitted: " + parts.joined(separator: ", ")
  }

  /// The number of jobs and array tasks. One record can stand for many tasks.
  public static func count(_ jobs: [JobRecord]) -> Int { jobs.reduce(0) { $0 + $1.taskCount } }

  private static func named(_ jobs: [JobRecord]) -> String {
    let shown = jobs.prefix(mostNamed).map { job in
      "job \(job.displayID): \(EndCause(job).text)"
    }
    let more = jobs.count - shown.count
    return shown.joined(separator: "; ") + (more > 0 ? " and \(more) more" : "")
  }
}
