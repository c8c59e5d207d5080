/// A request to `duct-slurm`: one per process, as JSON on its standard input.
public enum SlurmRequest: Sendable, Equatable {
  /// The jobs of a user that slurmctld knows (slurm_load_job_user): all of them, or those in a scope.
  case jobsOfUser(uid: UInt32, scope: JobScope? = nil)
  /// Jobs by id from slurmctld (slurm_load_job for one id, otherwise slurm_load_jobs).
  case jobs(ids: [UInt32])
  /// Jobs by id from slurmdbd, with their steps; optionally only those of one user.
  case accountingJobs(ids: [UInt32], cluster: String?, uid: UInt32? = nil)
  /// A user's jobs in slurmdbd that existed since a time (seconds since 1970), with their steps; optionally only
  /// those with a tag.
  case accountingOfUser(uid: UInt32, since: Int, tag: String?)
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

extension SlurmRequest: Codable {
  private enum CodingKeys: String, CodingKey { case query, uid, ids, cluster, since, tag, scope }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    switch try values.decode(String.self, forKey: .query) {
    case "jobs_of_user":
      self = .jobsOfUser(
        uid: try values.decode(UInt32.self, forKey: .uid),
        scope: try values.decodeIfPresent(JobScope.self, forKey: .scope))
    case "jobs": self = .jobs(ids: try values.decode([UInt32].self, forKey: .ids))
    case "accounting_jobs":
      self = .accountingJobs(
        ids: try values.decode([UInt32].self, forKey: .ids),
        cluster: try values.decodeIfPresent(String.self, forKey: .cluster),
        uid: try values.decodeIfPresent(UInt32.self, forKey: .uid))
    case "accounting_of_user":
      self = .accountingOfUser(
        uid: try values.decode(UInt32.self, forKey: .uid),
        since: try values.decode(Int.self, forKey: .since),
        tag: try values.decodeIfPresent(String.self, forKey: .tag))
    case "configuration": self = .configuration
    case "ping": self = .ping
    case "host_names": self = .hostNames
    case let other:
      throw DecodingError.dataCorruptedError(
        forKey: .query, in: values, debugDescription: "unknown query \(other)")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(name, forKey: .query)
    switch self {
    case .jobsOfUser(let uid, let scope):
      try values.encode(uid, forKey: .uid)
      try values.encodeIfPresent(scope, forKey: .scope)
    case .jobs(let ids): try values.encode(ids, forKey: .ids)
    case .accountingJobs(let ids, let cluster, let uid):
      try values.encode(ids, forKey: .ids)
      try values.encode(cluster, forKey: .cluster)
      try values.encodeIfPresent(uid, forKey: .uid)
    case .accountingOfUser(let uid, let since, let tag):
      try values.encode(uid, forKey: .uid)
      try values.encode(since, forKey: .since)
      try values.encode(tag, forKey: .tag)
    case .configuration, .ping, .hostNames: break
    }
  }
}

/// The input of `duct-slurm`: a request, and how long the caller waits for the answer.
public struct SlurmQuestion: Codable, Sendable, Equatable {
  public var request: SlurmRequest
  /// Seconds from the start of the helper; nil if the caller has no limit.
  public var limit: Double?

  public init(_ request: SlurmRequest, limit: Double? = nil) {
    self.request = request
    self.limit = limit
  }

  private enum CodingKeys: String, CodingKey { case limit }

  /// In JSON, the limit is a member beside those of the request.
  public init(from decoder: any Decoder) throws {
    request = try SlurmRequest(from: decoder)
    limit = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(Double.self, forKey: .limit)
  }

  public func encode(to encoder: any Encoder) throws {
    try request.encode(to: encoder)
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encodeIfPresent(limit, forKey: .limit)
  }
}
