/// Counts of jobs by state, in words.
public enum JobSummary {
  private static let mostNamed = 5

  /// `12 submitted: 9 COMPLETED, 2 RUNNING, 1 FAILED (job 118 exit 3)`.
  public static func text(_ jobs: [JobRecord]) -> String {
    let groups = Dictionary(grouping: jobs, by: \.state)
    let parts = groups.keys.sorted(by: JobState.displayOrder).map { state in
      let group = groups[state] ?? []
      let stale = group.filter(\.stale).count
      var part = "\(group.count) \(state)"
      if state.isFailure { part += " (\(named(group)))" }
      if stale > 0 { part += stale == group.count ? " when last seen" : " (\(stale) when last seen)" }
      return part
    }
    return "\(jobs.count) submitted: " + parts.joined(separator: ", ")
  }

  private static func named(_ jobs: [JobRecord]) -> String {
    let shown = jobs.prefix(mostNamed).map { job in
      ["job \(job.displayID)", job.failureText].compactMap { $0 }.joined(separator: " ")
    }
    let more = jobs.count - shown.count
    return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }
}
