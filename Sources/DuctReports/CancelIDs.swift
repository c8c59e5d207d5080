internal import RecordText
public import SlurmJobs

/// The ids of jobs as scancel takes them.
///
/// An id without a cluster means a job of the local one. So an id of another cluster would lead scancel to a local job
/// that has the same id by chance.
public struct CancelIDs: Sendable, Equatable {
  /// One id a line, each once.
  public private(set) var text = ""
  /// How many jobs of other clusters were left out, by cluster; in one sentence. Nil if there are none.
  public private(set) var problem: String?

  /// - Parameter cluster: the cluster that scancel asks without `--clusters`, in lower case; nil if that is not known.
  ///   Then no id of a job is given that names its cluster.
  public init(_ jobs: [JobRecord], ofCluster cluster: String?) {
    var known = Set<String>()
    var others: [String: [JobRecord]] = [:]
    for job in jobs {
      if let name = job.cluster?.lowercased(), name != cluster {
        others[name, default: []].append(job)
      } else if known.insert(job.scancelID).inserted {
        text += job.scancelID + "\n"
      }
    }
    guard let first = others.keys.sorted().first else { return }
    let counts = others.sorted { $0.key < $1.key }
      .map { "\(JobSummary.count($0.value)) of cluster \($0.key)" }.joined(separator: ", ")
    let reason =
      cluster.map { "scancel would look for them on \($0)" } ?? "which cluster is the local one is not known"
    problem =
      "ids of jobs are left out, \(counts): \(reason); use --cluster \(first.shellWord) --ids | xargs -r scancel -M \(first.shellWord)"
  }
}

extension JobRecord {
  /// The id as scancel takes it. The waiting tasks of an array are one id, without the limit of tasks that run at once.
  fileprivate var scancelID: String {
    guard let arrayJobID, arrayTaskID == nil, let arrayTasks else { return displayID }
    return "\(arrayJobID)_[\(arrayTasks.prefix { $0 != "%" })]"
  }
}
