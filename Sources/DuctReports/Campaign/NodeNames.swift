/// Unfolds Slurm's lists of nodes: `n[1-3,07],m` as n1, n2, n3, n07, m.
///
/// A record can hold any list, so a list beyond these bounds is told as it is.
struct NodeNames {
  /// Names of one list.
  private static let most = 4096
  /// Names that all different lists of a report may have together.
  private static let mostMade = 1 << 20
  /// Names that all jobs of a report may be told of together: each is an entry of a group.
  private static let mostTold = 1 << 24
  /// Bytes of a list.
  private static let longestList = 64 << 10
  /// Brackets of a name. Slurm itself allows no more dimensions.
  private static let mostBrackets = 5
  private static let mostDigits = 10
  /// Bytes of a name outside of its brackets: no host name is longer.
  private static let longestName = 255

  /// The jobs of a campaign run on few different sets of nodes.
  private var known: [String: [String]] = [:]
  private var made = 0
  private var told = 0

  mutating func names(in list: String) -> [String] {
    let names = known[list] ?? make(list)
    guard told + names.count <= Self.mostTold else { return [list] }
    told += names.count
    return names
  }

  private mutating func make(_ list: String) -> [String] {
    var names = Self.unfold(list) ?? [list]
    if names.count > 1 {
      if made + names.count > Self.mostMade { names = [list] }
      made += names.count
    }
    known[list] = names
    return names
  }

  /// Nil if the list is not one of Slurm's, or beyond a bound.
  static func unfold(_ list: String) -> [String]? {
    guard list.utf8.count <= longestList else { return nil }
    var names: [String] = []
    for part in parts(of: list) {
      guard let parsed = Name(part), names.count + parsed.count <= most else { return nil }
      names += parsed.names
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
  private struct Name {
    private struct Numbers {
      var first: Int
      var last: Int
      /// With zeros in front.
      var width: Int
    }

    /// The text before each bracket, and what is in it.
    private var brackets: [(text: Substring, numbers: [Numbers])] = []
    private var end: Substring
    /// How many names these are.
    private(set) var count = 1

    init?(_ part: Substring) {
      end = part
      var bytes = 0
      while let open = end.firstIndex(of: "[") {
        let (text, rest) = (end[..<open], end[end.index(after: open)...])
        guard brackets.count < mostBrackets, let close = rest.firstIndex(of: "]"),
          let (numbers, count) = Self.numbers(in: rest[..<close]), self.count * count <= most
        else { return nil }
        self.count *= count
        bytes += text.utf8.count
        if text.contains("]") { return nil }
        brackets.append((text, numbers))
        end = rest[rest.index(after: close)...]
      }
      guard bytes + end.utf8.count <= longestName, !end.contains("]") else { return nil }
    }

    var names: [String] {
      var names = [""]
      for (text, numbers) in brackets {
        let beginnings = names.map { $0 + text }
        let ends = numbers.flatMap { range in
          (range.first...range.last).map { number in
            let digits = String(number)
            return String(repeating: "0", count: max(range.width - digits.count, 0)) + digits
          }
        }
        names = beginnings.flatMap { beginning in ends.map { beginning + $0 } }
      }
      return names.map { $0 + end }
    }

    /// `07-10,12` as 07 to 10 and 12, and how many these are.
    private static func numbers(in list: Substring) -> ([Numbers], count: Int)? {
      var ranges: [Numbers] = []
      var count = 0
      for range in list.split(separator: ",", omittingEmptySubsequences: false) {
        let bounds = range.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count <= 2, let first = number(bounds[0]), let last = number(bounds[bounds.count - 1]),
          first <= last, last - first < most, count + last - first < most
        else { return nil }
        count += last - first + 1
        ranges.append(Numbers(first: first, last: last, width: bounds[0].utf8.count))
      }
      return (ranges, count)
    }

    private static func number(_ digits: Substring) -> Int? {
      guard digits.utf8.count <= mostDigits, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
        return nil
      }
      return Int(digits)
    }
  }
}
