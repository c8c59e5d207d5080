internal import RecordText
internal import SlurmJobs

/// `#SBATCH --exclude=…`: a node on which many jobs failed that do well elsewhere.
struct NodeAdvice {
  let jobs: JobRows
  /// The groups of all nodes.
  let nodes: [JobGroups.Members]

  private struct Counts {
    var failed = 0
    var ended = 0
    var share: Double { ended > 0 ? Double(failed) / Double(ended) : 0 }
  }

  var advice: [ReportAdvice] {
    guard nodes.count > 1 else { return [] }
    let clusters = Dictionary(grouping: jobs.rows, by: \.cluster).mapValues { counts(of: $0) }
    return nodes.compactMap { members in
      let group = AdvisedGroup(members: members, jobs: jobs)
      let here = counts(of: group.rows)
      // A node of another cluster is no other place for the same jobs.
      let all = clusters[members.cluster] ?? here
      let elsewhere = Counts(failed: all.failed - here.failed, ended: all.ended - here.ended)
      guard here.failed >= Threshold.nodeFailures, here.share >= Threshold.nodeFailureShare,
        elsewhere.ended > 0,
        elsewhere.share <= here.share * Threshold.nodeFactor
      else { return nil }
      return group.advice(
        .exclude,
        figures:
          "\(here.failed.grouped) of \(number(here.ended, "job")) failed there (\(percent(here.share))), elsewhere \(elsewhere.failed.grouped) of \(elsewhere.ended.grouped) (\(percent(elsewhere.share)))",
        effect: "the next jobs run on other nodes; tell the administrators of this one",
        line: "#SBATCH --exclude=\(members.key)")
    }
  }

  private func counts(of rows: some Sequence<JobRow>) -> Counts {
    rows.reduce(into: Counts()) { counts, row in
      guard row.startTime != nil, !row.state.isActive else { return }
      counts.ended += 1
      if row.hasFailed, row.cause.canBeOfNode { counts.failed += 1 }
    }
  }
}

extension EndCause {
  /// A node can be the cause. It is not where the job reached a limit of its own, or where somebody ended it.
  fileprivate var canBeOfNode: Bool {
    switch self {
    case .exitCode, .signal, .nodeFailure, .bootFailure, .failed, .stepFailed(.exitCode),
      .stepFailed(.signal):
      true
    default: false
    }
  }
}
