/// How the parts of a report look in one of the forms for people that are text.
///
/// Text from users and jobs goes through `plain` or `code`, and cells of a table through the table: nothing in it may
/// move a terminal's cursor or count as Markdown.
protocol TextStyle: Sendable {
  /// Columns of the terminal; nil: any.
  var width: Int? { get }
  func plain(_ text: String) -> String
  /// A path or a command.
  func code(_ text: String) -> String
  func title(_ text: String) -> String
  func heading(_ text: String) -> String
  func table(_ table: TextTable) -> String
  /// One fact a line.
  func list(_ lines: [String]) -> String
  func entry(_ title: String, _ details: [String], outputs: [String]) -> String
  /// The lines of an output file.
  func output(_ introduction: String, _ lines: [String]) -> String
  /// Lines of block characters.
  func picture(_ lines: [String]) -> String
}
