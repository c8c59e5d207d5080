/// A Slurm release such as 24.11. The third number of a version (24.11.5) changes neither structures nor formats.
public struct SlurmRelease: Sendable, Comparable, CustomStringConvertible {
  public var year: Int
  public var month: Int

  public init(_ year: Int, _ month: Int) {
    self.year = year
    self.month = month
  }

  /// - Parameter version: `24.11.5`, or the output of `squeue --version`: `slurm 24.11.5`, `slurm-wlm 24.11.5`.
  public init?(version: String) {
    let word = version.split(whereSeparator: \.isWhitespace).last { $0.contains(".") } ?? ""
    let numbers = word.split(separator: ".").prefix(2).compactMap { Int($0) }
    guard numbers.count == 2 else { return nil }
    self.init(numbers[0], numbers[1])
  }

  /// - Parameter protocolVersion: the number that Slurm's daemons report: 256 times the number in the soname of
  ///   their libslurm. That number is 38 for 22.05 and grows by one with each release.
  public init?(protocolVersion: Int) {
    switch protocolVersion >> 8 {
    case 38: self.init(22, 5)
    case 39: self.init(23, 2)
    case 40: self.init(23, 11)
    case let number where (41..<200).contains(number):
      let later = number - 41
      self.init(24 + later / 2, later % 2 == 0 ? 5 : 11)
    default: return nil
    }
  }

  public static func < (first: Self, second: Self) -> Bool {
    (first.year, first.month) < (second.year, second.month)
  }

  public var description: String { "\(year).\(month < 10 ? "0" : "")\(month)" }
}
