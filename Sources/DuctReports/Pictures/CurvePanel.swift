/// A quantity over time: for each column of the picture its largest value in that time.
///
/// So no short peak is lost, however many changes there are.
struct CurvePanel: Sendable, Equatable {
  let title: String
  /// From the left to the right; nil where the value is not known.
  let values: [Double?]
  /// What the top of the panel stands for.
  let top: String
  /// The class of its shapes in SVG.
  let style: String

  /// The value at the top.
  let largest: Double

  /// - Parameter text: shows a value with its unit.
  init(_ title: String, _ values: [Double?], style: String, text: (Double) -> String) {
    self.title = title
    self.values = values.map { value in value.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil } }
    self.style = style
    largest = self.values.lazy.compactMap { $0 }.max() ?? 0
    top = text(largest)
  }

  /// From 0 at the bottom to 1 at the top; nil where the value is not known.
  func height(_ column: Int) -> Double? {
    values[column].map { largest > 0 ? $0 / largest : 0 }
  }
}
