/// The job ids that the command printed, as many as are worth keeping.
///
/// Bare numbers are limited by themselves: a command that prints thousands of them must not keep the
/// sentences out in which it names its jobs.
struct JobMentions: Sendable {
  /// Of each form. When there are twice as many, the older half goes.
  static let mostNumbers = 10_000
  static let mostSentences = 50_000
  private static let mostClusters = 100

  struct Noted: Sendable {
    var mention: JobMention
    /// When it was printed first (a sentence) or last (a number), in seconds since 1970.
    var time: Double
    fileprivate var order: Int
  }

  /// Clusters by their names in small letters, as slurmdbd keeps them.
  private struct Key: Hashable {
    var id: UInt32
    var cluster: String?
  }

  private var sentences: [Key: Noted] = [:]
  private var numbers: [Key: Noted] = [:]
  /// Clusters that were named, some of them should there be very many.
  private var clusters: Set<String> = []
  private var count = 0

  /// Sentences before numbers, the newest of each first.
  var latestFirst: [JobMention] {
    [sentences, numbers].flatMap { noted in
      noted.values.sorted { $0.order > $1.order }.map(\.mention)
    }
  }

  /// What was said of an id. A mention without a cluster may mean any, and a job without one may be of any.
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
