internal import OrderedCollections

/// Summarizes jobs by state in words.
public enum JobSummary {
  /// Causes that are named, and jobs that are named of each.
  private static let (mostCauses, mostNamed) = (5, 3)

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

  /// Jobs that failed for the same reason are one entry: `jobs 3, 4, 5 and 2 more: exit code 1`.
  private static func named(_ jobs: [JobRecord]) -> String {
    let alike = OrderedDictionary(grouping: jobs) { EndCause($0).text }
    let shown = alike.elements.prefix(mostCauses)
    let more = count(jobs) - shown.reduce(0) { $0 + count($1.value) }
    let texts = shown.map { cause, jobs in "\(ids(jobs)): \(cause)" }
    return texts.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
  }

  private static func ids(_ jobs: [JobRecord]) -> String {
    let shown = jobs.prefix(mostNamed)
    let more = count(jobs) - count(Array(shown))
    return (jobs.count == 1 ? "job " : "jobs ") + shown.map(\.displayID).joined(separator: ", ")
      + (more > 0 ? " and \(more) more" : "")
  }
}
