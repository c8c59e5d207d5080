/// Versions that records and `--version` show.
public enum Versions {
  /// Of duct.
  public static let duct = "0.1.0"
  /// Of the records: con-duct's schema, whose members all keep name, type, unit and place.
  public static let schema = "0.2.3"
}
