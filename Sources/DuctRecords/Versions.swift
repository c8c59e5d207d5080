/// The versions that records and `--version` show.
public enum Versions {
  /// duct's own version.
  public static let duct = "0.1.0"
  /// The version of con-duct's schema that the records follow: all its members keep their names, types, units
  /// and places.
  static let schema = "0.2.3"
}
