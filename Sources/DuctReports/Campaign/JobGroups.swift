internal import OrderedCollections
internal import SlurmJobs

/// Puts the jobs of a report into groups, in one pass.
struct JobGroups {
  /// With more different names than this, numbers in names count as alike: `sim_001` and `sim_002` as `sim_#`.
  static let mostNames = 50

  /// The rows of a group, by their indices.
  struct Members {
    var group: Key
    /// As in `JobGroup`.
    var label: String
    var rows: [Int32]

    var kind: JobGroup.Kind { group.kind }
    var key: String { group.key }
    var cluster: String? { group.cluster }
  }

  /// What the jobs of a group have in common. Two clusters can have arrays of one id, and nodes of one name.
  struct Key: Hashable {
    var kind: JobGroup.Kind
    var key: String
    var cluster: String?
  }

  /// In the order of the kinds. Nodes are in the order of their failures; the groups of other kinds, and nodes with as many
  /// failures, in the order of their allocated CPU time. The largest come first.
  private(set) var groups: [JobGroup] = []
  /// The rows of each group.
  private(set) var members: [Members] = []

  init(_ rows: [JobRow]) {
    let found = Self.find(rows)
    let hasClusters = Set(rows.lazy.compactMap(\.cluster)).count > 1
    var all: [(group: JobGroup, members: Members)] = found.map { key, indices in
      let cluster = hasClusters ? key.cluster.map { " of cluster \($0)" } : nil
      let members = Members(group: key, label: key.key + (cluster ?? ""), rows: indices)
      return (Self.group(members, rows), members)
    }
    let order = JobGroup.Kind.allCases
    all.sort { left, right in
      let (x, y) = (left.group, right.group)
      if x.kind != y.kind { return order.firstIndex(of: x.kind) ?? 0 < order.firstIndex(of: y.kind) ?? 0 }
      if x.kind == .node, x.failed != y.failed { return x.failed > y.failed }
      return x.cpuHoursAllocated == y.cpuHoursAllocated
        ? x.label < y.label : x.cpuHoursAllocated > y.cpuHoursAllocated
    }
    groups = all.map(\.group)
    members = all.map(\.members)
  }

  private static func find(_ rows: [JobRow]) -> OrderedDictionary<Key, [Int32]> {
    var found: OrderedDictionary<Key, [Int32]> = [:]
    var nodes = NodeNames()
    let folds = hasManyNames(rows)
    for (index, row) in rows.enumerated() {
      let index = Int32(clamping: index)
      func add(_ kind: JobGroup.Kind, _ key: String, of cluster: String? = nil) {
        found[Key(kind: kind, key: key, cluster: cluster), default: []].append(index)
      }
      if let name = row.name { add(.name, folds ? folded(name) : name) }
      if let array = row.arrayJobID { add(.array, "\(array)", of: row.cluster) }
      if let script = row.script { add(.script, script) }
      if let partition = row.partition { add(.partition, partition) }
      // A job that has not started can name the nodes that it asks for.
      if row.startTime != nil, let list = row.nodes {
        for node in nodes.names(in: list) { add(.node, node, of: row.cluster) }
      }
    }
    return found
  }

  /// All rows as one group.
  static func all(_ rows: [JobRow]) -> JobGroup {
    let all = rows.indices.map { Int32(clamping: $0) }
    return group(Members(group: Key(kind: .name, key: ""), label: "", rows: all), rows)
  }

  /// The groups of one name, without any order.
  ///
  /// - Parameter folds: numbers in names count as alike.
  static func named(_ rows: [JobRow], folds: Bool) -> OrderedDictionary<String, JobGroup> {
    var found: OrderedDictionary<String, [Int32]> = [:]
    for (index, row) in rows.enumerated() {
      guard let name = row.name else { continue }
      found[folds ? folded(name) : name, default: []].append(Int32(clamping: index))
    }
    return found.mapValues { group(Members(group: Key(kind: .name, key: ""), label: "", rows: $0), rows) }
  }

  static func hasManyNames(_ rows: [JobRow]) -> Bool {
    var names: Set<String> = []
    for row in rows {
      if let name = row.name, names.insert(name).inserted, names.count > mostNames { return true }
    }
    return false
  }

  /// The name with `#` in place of each number.
  static func folded(_ name: String) -> String {
    var bytes: [UInt8] = []
    for byte in name.utf8 {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      if !isDigit {
        bytes.append(byte)
      } else if bytes.last != UInt8(ascii: "#") {
        bytes.append(UInt8(ascii: "#"))
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func group(_ members: Members, _ rows: [JobRow]) -> JobGroup {
    var (count, failed, ended, cpuSeconds) = (0, 0, 0, 0.0)
    var (waits, elapsed, cpu, memory): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    for index in members.rows {
      let row = rows[Int(index)]
      count += row.count
      if row.hasFailed { failed += row.count }
      if !row.state.isActive { ended += row.count }
      cpuSeconds += row.cpuSecondsAllocated ?? 0
      if let wait = row.waitSeconds { waits.append(Double(wait)) }
      if let seconds = row.elapsedSeconds { elapsed.append(Double(seconds)) }
      if let share = row.cpuUse { cpu.append(share) }
      if let share = row.memoryUse { memory.append(share) }
    }
    return JobGroup(
      kind: members.kind, key: members.key, cluster: members.cluster, label: members.label, count: count,
      failed: failed,
      failureShare: ended > 0 ? Double(failed) / Double(ended) : nil, cpuHoursAllocated: cpuSeconds / 3600,
      waitSeconds: Quartiles(waits), elapsedSeconds: Quartiles(elapsed), cpuUse: Quartiles(cpu),
      memoryUse: Quartiles(memory))
  }
}
