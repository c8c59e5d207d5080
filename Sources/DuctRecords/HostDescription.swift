internal import OrderedCollections
public import RecordText

/// What a record says of where it was made.
public struct HostDescription: Sendable {
  public var system: SystemInfo
  /// Variables of batch systems.
  public var env: OrderedFields<String>

  /// Variables with these prefixes are recorded, as con-duct does.
  private static let prefixes = ["PBS_", "SLURM_", "OSG"]

  /// Takes a fraction of a millisecond; looks at files of the host alone.
  public init(environment: [String: String], redaction: Redaction) {
    system = SystemInfo.current(environment: environment)
    let names = environment.keys.filter { name in Self.prefixes.contains { name.hasPrefix($0) } }
    env = OrderedFields(
      OrderedDictionary(
        uniqueKeysWithValues: names.sorted().map {
          ($0, redaction.applied(to: environment[$0] ?? "", of: $0))
        }))
  }
}
