/// The job ids that the command printed, up to a limit.
///
/// Bare numbers have their own limit: a command that prints thousands of them must not displace the sentences that
/// name its jobs.
struct JobMentions: Sendable {
  /// Limits for each form. When there are twice as many, the older half is dropped.
  static let mostNumbers = 10_000
  static let mostSentences = 50_000
  private static let mostClusters = 100

  struct Noted: Sendable {
    var mention: JobMention
    /// When the id was first printed (a sentence) or last printed (a number), in seconds since 1970.
    var time: Double
    fileprivate var order: Int
  }

  /// With the cluster's name in lower case, as slurmdbd has it.
  private struct Key: Hashable {
    var id: UInt32
    var cluster: String?
  }

  private var sentences: [Key: Noted] = [:]
  private var numbers: [Key: Noted] = [:]
  /// Cluster names in mentions; only the first `mostClusters`.
  private var clusters: Set<String> = []
  private var count = 0

  /// Sentences before numbers, the newest of each first.
  var latestFirst: [JobMention] {
    [sentences, numbers].flatMap { noted in
      noted.values.sorted { $0.order > $1.order }.map(\.mention)
    }
  }

  /// The mentions of an id. A mention without a cluster may mean any cluster; a job without one may be on any.
  subscript(id: UInt32, cluster: String?) -> [Noted] {
    let named: [String?] = cluster.map { [$0.lowercased()] } ?? clusters.map { $0 }
    return ([nil] + named).compactMap { cluster in
      let key = Key(id: id, cluster: cluster)
      return sentences[key] ?? numbers[key]
    }
  }

  mutating func note(_ mention: JobMention, at time: Double) {
    let key = Key(id: mention.jobID, cluster: mention.cluster?.lowercased())
    if sentences[key] != nil { return }
    count += 1
    let noted = Noted(mention: mention, time: time, order: count)
    switch mention.form {
    case .sentence:
      numbers[key] = nil
      sentences[key] = noted
      Self.shorten(&sentences, to: Self.mostSentences)
    case .number:
      numbers[key] = noted
      Self.shorten(&numbers, to: Self.mostNumbers)
    }
    if let cluster = key.cluster, clusters.count < Self.mostClusters { clusters.insert(cluster) }
  }

  private static func shorten(_ noted: inout [Key: Noted], to most: Int) {
    guard noted.count >= 2 * most else { return }
    let oldest = noted.values.map(\.order).sorted()[noted.count - most]
    noted = noted.filter { $0.value.order >= oldest }
  }
}
