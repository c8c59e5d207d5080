/// A picture of the report. It is computed once from the jobs, and drawn in two ways.
protocol Picture: Sendable {
  /// Identifies it within a page: letters and digits.
  var name: String { get }
  var title: String { get }
  /// Says the same as the picture, in sentences.
  var words: [String] { get }

  /// An `svg` element for a page that has the classes of docs/report.md. All texts from records in it are escaped.
  var svg: String { get }
  /// What the shapes mean: their classes, and words. Empty if the picture says it itself.
  var legend: [(style: String, word: String)] { get }

  /// Lines of block characters.
  ///
  /// - Parameter width: the most columns that a line may have.
  func blocks(width: Int) -> [String]
}

extension Picture {
  var legend: [(style: String, word: String)] { [] }
}
