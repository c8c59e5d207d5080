internal import BitCollections

/// Task ids of one array, which can be very large.
typealias TaskSet = BitSet

/// Parses the tasks that one record of a pending array stands for, such as `0-19%4` or `1,3,5-9:2`.
public enum ArrayTasks {
  /// The largest number of tasks that get a record each. slurm.conf allows a MaxArraySize of four million.
  public static let most = 100_000
  static let mostEver = 4_000_001

  /// The task ids in the order of the expression; nil if the expression is truncated (`…`), malformed or has more
  /// than `most` tasks.
  public static func ids(in expression: String) -> [UInt32]? { parse(expression, most: most) }

  /// The number of tasks; nil if the expression is truncated or malformed.
  public static func count(in expression: String) -> Int? { parse(expression, most: mostEver)?.count }

  /// The task ids as a set, also for very large arrays. slurmdbd has them as a mask: `0x3C` for 2 to 5.
  static func set(in expression: String) -> TaskSet? {
    if expression.hasPrefix("0x") { return set(ofMask: expression.dropFirst(2).prefix { $0 != "%" }) }
    return parse(expression, most: mostEver).map { TaskSet($0.lazy.map { Int($0) }) }
  }

  /// - Parameter digits: hexadecimal; the last one stands for the tasks 0 to 3.
  private static func set(ofMask digits: Substring) -> TaskSet? {
    guard digits.utf8.count * 4 < mostEver + 4 else { return nil }
    var tasks = TaskSet()
    for (position, digit) in digits.reversed().enumerated() {
      guard let bits = digit.hexDigitValue else { return nil }
      for bit in 0..<4 where bits & 1 << bit != 0 { tasks.insert(position * 4 + bit) }
    }
    return tasks.isEmpty ? nil : tasks
  }

  /// Formats tasks as Slurm does: `2,5-9`.
  static func expression(of tasks: TaskSet) -> String {
    var parts: [String] = []
    var range: ClosedRange<Int>?
    func text(_ range: ClosedRange<Int>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
    for task in tasks {
      if let known = range, task == known.upperBound + 1 {
        range = known.lowerBound...task
      } else {
        if let range { parts.append(text(range)) }
        range = task...task
      }
    }
    if let range { parts.append(text(range)) }
    return parts.joined(separator: ",")
  }

  /// The tasks of several expressions as one; nil if one of them is malformed.
  public static func joined(_ expressions: [String]) -> String? {
    var all = TaskSet()
    for text in expressions {
      guard let tasks = set(in: text) else { return nil }
      all.formUnion(tasks)
    }
    return expression(of: all)
  }

  static func union(_ left: String?, _ right: String?) -> String? {
    guard let a = left.flatMap(set), let b = right.flatMap(set) else { return left ?? right }
    return expression(of: a.union(b))
  }

  private static func parse(_ expression: String, most: Int) -> [UInt32]? {
    let tasks = expression.prefix { $0 != "%" }
    var ids: [UInt32] = []
    for range in tasks.split(separator: ",") {
      let stepParts = range.split(separator: ":", omittingEmptySubsequences: false)
      let bounds = stepParts[0].split(separator: "-", omittingEmptySubsequences: false)
      guard stepParts.count <= 2, bounds.count <= 2, let first = UInt32(bounds[0]),
        let last = bounds.count == 2 ? UInt32(bounds[1]) : first, first <= last,
        let step = stepParts.count == 2 ? UInt32(stepParts[1]) : 1, step > 0,
        ids.count + Int((last - first) / step) < most, Int(last) < mostEver
      else { return nil }
      ids.append(contentsOf: stride(from: first, through: last, by: Int(step)))
    }
    return ids.isEmpty ? nil : ids
  }
}
