/// The tasks that one record of a pending array stands for, such as `0-19%4` or `1,3,5-9:2`.
public enum ArrayTasks {
  /// More than this are left in one record: slurm.conf's MaxArraySize can be four million.
  public static let most = 100_000

  /// The task ids, in order; nil if the expression is cut short (`…`), malformed or too long.
  public static func ids(in expression: String) -> [UInt32]? {
    let tasks = expression.prefix { $0 != "%" }
    var ids: [UInt32] = []
    for range in tasks.split(separator: ",") {
      let stepParts = range.split(separator: ":", omittingEmptySubsequences: false)
      let bounds = stepParts[0].split(separator: "-", omittingEmptySubsequences: false)
      guard stepParts.count <= 2, bounds.count <= 2, let first = UInt32(bounds[0]),
        let last = bounds.count == 2 ? UInt32(bounds[1]) : first, first <= last,
        let step = stepParts.count == 2 ? UInt32(stepParts[1]) : 1, step > 0,
        ids.count + Int((last - first) / step) < most
      else { return nil }
      ids.append(contentsOf: stride(from: first, through: last, by: Int(step)))
    }
    return ids.isEmpty ? nil : ids
  }

  /// A record a task, of one record that stands for several.
  public static func expand(_ record: JobRecord, tasks expression: String?) -> [JobRecord] {
    guard let expression, let ids = ids(in: expression) else { return [record] }
    return ids.map { id in
      var task = record
      task.arrayTaskID = id
      // The record's id is that of the array; a task gets its own when it starts.
      task.jobID = nil
      return task
    }
  }
}
