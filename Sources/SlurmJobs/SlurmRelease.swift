/// A release of Slurm, such as 24.11. What follows it in a version (24.11.5) changes neither structures nor formats.
public struct SlurmRelease: Sendable, Comparable, CustomStringConvertible, Codable {
  public var year: Int
  public var month: Int

  public init(_ year: Int, _ month: Int) {
    self.year = year
    self.month = month
  }

  /// - Parameter version: `24.11.5`, or what `squeue --version` prints: `slurm 24.11.5`, `slurm-wlm 24.11.5`.
  public init?(version: String) {
    let word = version.split(whereSeparator: \.isWhitespace).last { $0.contains(".") } ?? ""
    let numbers = word.split(separator: ".").prefix(2).compactMap { Int($0) }
    guard numbers.count == 2 else { return nil }
    self.init(numbers[0], numbers[1])
  }

  public static func < (first: Self, second: Self) -> Bool {
    (first.year, first.month) < (second.year, second.month)
  }

  public var description: String { "\(year).\(month < 10 ? "0" : "")\(month)" }
}
