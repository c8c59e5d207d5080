public import RecordText

/// A request to `duct-slurm`: one per process, as JSON on its standard input.
public enum SlurmRequest: Sendable, Equatable {
  /// The jobs of a user that slurmctld knows (slurm_load_job_user): all of them, or those in a scope.
  case jobsOfUser(uid: UInt32, scope: JobScope? = nil)
  /// Jobs by id from slurmctld (slurm_load_job for one id, otherwise slurm_load_jobs).
  case jobs(ids: [UInt32])
  /// Jobs by id from slurmdbd, with their steps; optionally only those of one user.
  case accountingJobs(ids: [UInt32], cluster: String?, uid: UInt32? = nil)
  /// A user's jobs in slurmdbd that existed between two times (seconds since 1970), with their steps: those with one
  /// of the tags. Without tags: all. Without an end: until now.
  case accountingOfUser(uid: UInt32, since: Int, until: Int? = nil, tags: [String])
  /// Cluster name, versions and settings, from slurmctld (slurm_load_ctl_conf).
  case configuration
  /// Whether slurmctld answers (slurm_ping).
  case ping
  /// Names by which slurmctld may know this host, from the name service. Does not ask Slurm.
  case hostNames

  /// A short name for JSON and messages.
  public var name: String {
    switch self {
    case .jobsOfUser: "jobs_of_user"
    case .jobs: "jobs"
    case .accountingJobs: "accounting_jobs"
    case .accountingOfUser: "accounting_of_user"
    case .configuration: "configuration"
    case .ping: "ping"
    case .hostNames: "host_names"
    }
  }

  /// Whether slurmdbd answers it; otherwise slurmctld does.
  var isOfAccounting: Bool {
    switch self {
    case .accountingJobs, .accountingOfUser: true
    case .jobsOfUser, .jobs, .configuration, .ping, .hostNames: false
    }
  }
}

/// The input of `duct-slurm`: a request, and how long the caller waits for the answer.
public struct SlurmQuestion: Record, Equatable {
  public var request: SlurmRequest
  /// Seconds from the start of the helper; nil if the caller has no limit.
  public var limit: Double?

  public init(_ request: SlurmRequest, limit: Double? = nil) {
    self.request = request
    self.limit = limit
  }

  public init() { self.init(.ping) }

  public mutating func list(_ members: inout RecordMembers) {
    var form = RequestForm(request)
    form.list(&members)
    members("limit", &limit)
    guard members.isReading else { return }
    if let request = form.request { self.request = request } else { members.refuse("query") }
  }
}

/// A request as its name, and the values that requests of this name have.
private struct RequestForm {
  private var query: String
  private var uid: UInt32?
  private var ids: [UInt32]?
  private var cluster: String?
  private var since: Int?
  private var until: Int?
  private var tags: [String]?
  private var scope: JobScope?

  init(_ request: SlurmRequest) {
    query = request.name
    switch request {
    case .jobsOfUser(let uid, let scope): (self.uid, self.scope) = (uid, scope)
    case .jobs(let ids): self.ids = ids
    case .accountingJobs(let ids, let cluster, let uid):
      (self.ids, self.cluster, self.uid) = (ids, cluster, uid)
    case .accountingOfUser(let uid, let since, let until, let tags):
      (self.uid, self.since, self.until, self.tags) = (uid, since, until, tags)
    case .configuration, .ping, .hostNames: break
    }
  }

  /// Nil if there is no request of this name, or if a value is missing.
  var request: SlurmRequest? {
    switch query {
    case "jobs_of_user": uid.map { .jobsOfUser(uid: $0, scope: scope) }
    case "jobs": ids.map { .jobs(ids: $0) }
    case "accounting_jobs": ids.map { .accountingJobs(ids: $0, cluster: cluster, uid: uid) }
    case "accounting_of_user":
      if let uid, let since, let tags {
        .accountingOfUser(uid: uid, since: since, until: until, tags: tags)
      } else {
        nil
      }
    case "configuration": .configuration
    case "ping": .ping
    case "host_names": .hostNames
    default: nil
    }
  }

  mutating func list(_ members: inout RecordMembers) {
    members("query", &query)
    members("uid", &uid)
    members("ids", &ids)
    members("cluster", &cluster)
    members("since", &since)
    members("until", &until)
    members("tags", &tags)
    members("scope", &scope)
  }
}
