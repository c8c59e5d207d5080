internal import RecordText
internal import SlurmJobs

/// Jobs that need attention for the same reason: one job, or many tasks of an array or jobs of one name.
///
/// A night with 2,000 tasks that waited for one failed job is one entry of a report, and not 2,000.
struct AttentionGroup: WrittenRecord {
  /// Indices of the report's rows, in their order. Never empty.
  private(set) var rows: [Int]
  /// `job 118 (train): FAILED, exit code 3, on n2, after 00:02`, or `1,988 tasks of 41 (prep): CANCELLED while it
  /// waited`.
  let title: String
  let state: JobState
  let cause: EndCause
  /// Nil if it is not known.
  let cluster: String?
  /// Jobs and array tasks.
  let count: Int
  /// The ids of the jobs.
  let ids: [String]
  /// Nodes that they ran on, as Slurm names them, each once.
  let nodes: [String]
  let advice: String?
  /// The ends of output files: of all jobs, or of the first one that has some.
  var outputs: [JobOutputEnd] = []

  /// Groups of more jobs than this are told as one entry.
  static let mostInFull = 3
  /// Ids of a group that are named.
  private static let mostNamed = 8

  mutating func list(_ members: inout RecordMembers) {
    var (title, state, cluster, count, ids) = (title, state, cluster, count, ids)
    var (nodes, advice) = (nodes, advice)
    var causeText = cause.text
    members("title", &title)
    members("state", &state)
    members("cause", &causeText)
    members("cluster", &cluster)
    members("count", &count)
    members("job_ids", &ids)
    members("nodes", &nodes)
    members("advice", &advice)
    members("outputs", &outputs)
  }

  private struct Key: Hashable {
    var run: Int?
    /// Two clusters can have jobs of one id.
    var cluster: String?
    var array: UInt32?
    var name: String?
    var state: JobState
    var cause: EndCause
  }

  /// The rows with a standing, in groups of alike ones in the order of their first rows.
  static func groups(_ rows: [JobRow], _ standing: JobRow.Standing) -> [AttentionGroup] {
    var groups: [[Int]] = []
    var places: [Key: Int] = [:]
    for (index, row) in rows.enumerated() where row.standing == standing {
      let array = row.arrayJobID
      let key = Key(
        run: row.run, cluster: row.cluster, array: array, name: array == nil ? row.name : nil,
        state: row.state, cause: row.cause)
      if let place = places[key] {
        groups[place].append(index)
      } else {
        places[key] = groups.count
        groups.append([index])
      }
    }
    let hasClusters = Set(rows.lazy.compactMap(\.cluster)).count > 1
    return groups.flatMap { group in
      let parts = group.count <= mostInFull ? group.map { [$0] } : [group]
      return parts.map { AttentionGroup($0, rows, tellsCluster: hasClusters) }
    }
  }

  private init(_ places: [Int], _ rows: [JobRow], tellsCluster: Bool) {
    let jobs = places.map { rows[$0] }
    let first = jobs[0]
    self.rows = places
    (state, cause, cluster) = (first.state, first.cause, first.cluster)
    count = jobs.reduce(0) { $0 + $1.count }
    ids = jobs.map(\.id)
    nodes = Set(jobs.compactMap(\.nodes)).sorted()
    advice = first.cause.advice
    let place = tellsCluster ? first.cluster.map { " of cluster \($0)" } : nil
    title = Self.title(first, jobs: jobs.count, tasks: count, place ?? "")
  }

  /// The outputs that forms for people show: of a group, that of the first job that has some.
  var shownOutputs: [JobOutputEnd] {
    rows.count == 1 ? outputs : Array(outputs.lazy.filter { !$0.lines.isEmpty }.prefix(1))
  }

  // MARK: Words

  private static func title(_ first: JobRow, jobs: Int, tasks: Int, _ place: String) -> String {
    let name = (first.name.map { " (\($0))" } ?? "") + place
    if jobs == 1 {
      return "job \(first.id)\(name): \(([outcome(first)] + facts(first)).joined(separator: ", "))"
    }
    return first.arrayJobID.map { "\(tasks.grouped) tasks of \($0)\(name): \(outcome(first))" }
      ?? "\(tasks.grouped) jobs\(name): \(outcome(first))"
  }

  /// The state in Slurm's word, and the cause in plain words.
  private static func outcome(_ row: JobRow) -> String {
    let state = row.state.rawValue
    let text = row.cause.text
    let word = state.lowercased()
    // `CANCELLED`, `cancelled while it waited`: the word stands there once.
    guard text.hasPrefix(word) else { return "\(state), \(text)" }
    return state + text.dropFirst(word.count)
  }

  private static func facts(_ row: JobRow) -> [String] {
    [
      row.nodes.map { "on \($0)" }, row.elapsedSeconds.map { "after \(shortDuration($0))" },
      row.restarts.flatMap { $0 > 0 ? "requeued \($0)×" : nil },
    ].compactMap { $0 }
  }

  /// What else to say: of a group its ids, and its nodes if they are few.
  var details: [String] {
    let advice = advice.map { "advice: \($0)" }
    guard rows.count > 1 else { return [advice].compactMap { $0 } }
    let named = ids.prefix(Self.mostNamed).joined(separator: ", ")
    let more = rows[min(Self.mostNamed, rows.count)...].count
    let places = nodes.isEmpty || nodes.count > Self.mostNamed ? nil : "on \(nodes.joined(separator: ", "))"
    return [named + (more > 0 ? " and \(more.grouped) more" : ""), places, advice].compactMap { $0 }
  }
}
