internal import OrderedCollections
public import RecordText

/// The members of a record that describe the host.
public struct HostDescription: Sendable {
  public var system: SystemInfo
  /// Environment variables of batch systems, without secrets.
  public var env: OrderedFields<String>

  /// The prefixes of the variables that are recorded, as in con-duct.
  private static let prefixes = ["PBS_", "SLURM_", "OSG"]

  /// Takes less than a millisecond. Reads only files of this host, so it cannot hang.
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
