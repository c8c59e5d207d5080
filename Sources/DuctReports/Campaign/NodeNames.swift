/// Unfolds Slurm's lists of nodes: `n[1-3,07],m` as n1, n2, n3, n07, m.
struct NodeNames {
  /// More nodes of one job are told as the list that Slurm has.
  private static let most = 4096
  /// The jobs of a campaign run on few different sets of nodes.
  private var known: [String: [String]] = [:]

  mutating func names(in list: String) -> [String] {
    if let names = known[list] { return names }
    let names = Self.unfold(list) ?? [list]
    known[list] = names
    return names
  }

  /// Nil if the list is not one of Slurm's, or has too many nodes.
  static func unfold(_ list: String) -> [String]? {
    var names: [String] = []
    for part in parts(of: list) {
      guard let unfolded = unfoldPart(part), names.count + unfolded.count <= most else { return nil }
      names += unfolded
    }
    return names.isEmpty ? nil : names
  }

  /// The list divided at the commas that are outside of brackets.
  private static func parts(of list: String) -> [Substring] {
    var depth = 0
    return list.split { letter in
      if letter == "[" { depth += 1 }
      if letter == "]" { depth -= 1 }
      return letter == "," && depth == 0
    }
  }

  /// Names of one prefix. A cluster with several dimensions has several brackets in a name.
  private static func unfoldPart(_ part: Substring) -> [String]? {
    guard let open = part.firstIndex(of: "[") else { return part.contains("]") ? nil : [String(part)] }
    guard let close = part[open...].firstIndex(of: "]"),
      let rest = unfoldPart(part[part.index(after: close)...])
    else { return nil }
    var names: [String] = []
    for range in part[part.index(after: open)..<close].split(separator: ",", omittingEmptySubsequences: false)
    {
      guard let numbers = numbers(in: range), names.count + numbers.count * rest.count <= most else {
        return nil
      }
      for number in numbers { names += rest.map { part[..<open] + number + $0 } }
    }
    return names
  }

  /// `07-10` as 07, 08, 09, 10.
  private static func numbers(in range: Substring) -> [String]? {
    let bounds = range.split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count <= 2, let first = UInt32(bounds[0]), let last = UInt32(bounds[bounds.count - 1]),
      first <= last, last - first < most
    else { return nil }
    let width = bounds[0].count
    return (first...last).map { number in
      let digits = String(number)
      return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }
  }
}
