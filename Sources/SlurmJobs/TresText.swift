internal import OrderedCollections
public import RecordText

/// Parses Slurm's lists of trackable resources: the controller's form with names (`cpu=2,mem=500M,gres/gpu=1`) and
/// the accounting database's form with numbers (`1=2,2=500,1001=1`).
public enum TresText {
  /// The types with fixed numbers. Memory is 2, in megabytes.
  public static let standardNames: [Int64: String] = [
    1: "cpu", 2: "mem", 3: "energy", 4: "node", 5: "billing", 6: "fs/disk", 7: "vmem", 8: "pages",
  ]

  /// The smallest of Slurm's marks for a value that was never set (NO_VAL64, INFINITE64 and their neighbors).
  private static let firstUnset = UInt64.max - 3

  /// Amounts by name; memory in bytes.
  ///
  /// - Parameter names: the names for the database's numbers.
  public static func parse(
    _ text: String?, names: [Int64: String] = standardNames
  ) -> OrderedFields<Int64>? {
    guard let text, !text.isEmpty else { return nil }
    var members = OrderedDictionary<String, Int64>()
    for entry in text.split(separator: ",") {
      guard let mark = entry.lastIndex(of: "=") else { continue }
      let key = String(entry[..<mark])
      let value = entry[entry.index(after: mark)...]
      if let number = Int64(key) {
        guard let amount = UInt64(value), amount < firstUnset else { continue }
        let name = names[number] ?? "tres/\(number)"
        let (bytes, isBeyond) = Int64(clamping: amount).multipliedReportingOverflow(
          by: name == "mem" ? 1 << 20 : 1)
        if !isBeyond { members[name] = bytes }
      } else if let amount = amount(value, isMemory: key == "mem") {
        members[key] = amount
      }
    }
    return members.isEmpty ? nil : OrderedFields(members)
  }

  /// Parses `500M`, `1.50G` and plain numbers. Memory without a unit is in megabytes.
  private static func amount(_ text: Substring, isMemory: Bool) -> Int64? {
    let units: [Character: Double] = [
      "K": 1024, "M": 1_048_576, "G": 1_073_741_824, "T": 1_099_511_627_776,
      "P": 1_125_899_906_842_624,
    ]
    if let last = text.last, let unit = units[last] {
      return Double(text.dropLast()).flatMap { Int64(exactly: ($0 * unit).rounded()) }
    }
    return Double(text).flatMap { Int64(exactly: ($0 * (isMemory ? 1_048_576 : 1)).rounded()) }
  }

  /// The amount with one number in a list in the database's form, for example 2, the resident set, in a step's
  /// maxima.
  public static func value(_ number: Int64, in text: String?) -> Int64? {
    guard let text else { return nil }
    for entry in text.split(separator: ",") {
      let parts = entry.split(separator: "=", maxSplits: 1)
      if parts.count == 2, Int64(parts[0]) == number {
        guard let amount = UInt64(parts[1]), amount < firstUnset else { return nil }
        return Int64(clamping: amount)
      }
    }
    return nil
  }
}
