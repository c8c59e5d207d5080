internal import RecordText

/// Builds an `svg` element that is as wide as the page lets it be.
///
/// It has no width of its own: horizontal places are in per cent, vertical ones in pixels, so that texts keep their size
/// on narrow screens. Shapes of many points are in an inner `svg` that is stretched.
struct SVGText {
  private var text = ""

  /// - Parameter height: pixels.
  static func picture(_ picture: some Picture, height: Double, _ draw: (inout SVGText) -> Void) -> String {
    var svg = SVGText()
    let name = picture.name
    svg.text +=
      "<svg class=\"picture\" role=\"img\" aria-labelledby=\"\(name)-title \(name)-words\" "
      + "width=\"100%\" height=\"\(svgNumber(height))\"><title id=\"\(name)-title\">\(picture.title.htmlEscaped)</title>"
      + "<desc id=\"\(name)-words\">\(picture.words.joined(separator: " ").htmlEscaped)</desc>"
    draw(&svg)
    return svg.text + "</svg>"
  }

  /// A rectangle. No rectangle is too narrow to be seen.
  ///
  /// - Parameters:
  ///   - from, to: from 0 at the left to 1 at the right.
  ///   - tip: what a mouse pointer shows over it.
  mutating func bar(_ style: String, from: Double, to: Double, y: Double, height: Double, tip: String? = nil)
  {
    let width = max(to - from, 0.002)
    text +=
      "<rect class=\"\(style)\" x=\"\(percent(min(from, 1 - width)))\" y=\"\(svgNumber(y))\" "
      + "width=\"\(percent(width))\" height=\"\(svgNumber(height))\""
    text += tip.map { "><title>\($0.htmlEscaped)</title></rect>" } ?? "/>"
  }

  enum Anchor: String { case start, middle, end }

  /// - Parameters:
  ///   - x: from 0 at the left to 1 at the right.
  ///   - y: of the line that the letters stand on.
  mutating func label(
    _ label: String, x: Double, dx: Double = 0, y: Double, _ anchor: Anchor = .start, style: String = "label"
  ) {
    text += "<text class=\"\(style)\" x=\"\(percent(x))\" y=\"\(svgNumber(y))\""
    if dx != 0 { text += " dx=\"\(svgNumber(dx))\"" }
    if anchor != .start { text += " text-anchor=\"\(anchor.rawValue)\"" }
    text += ">\(label.htmlEscaped)</text>"
  }

  mutating func horizontalLine(y: Double) {
    text += "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"\(svgNumber(y))\" y2=\"\(svgNumber(y))\"/>"
  }

  /// The lines and the labels of an axis of time.
  ///
  /// - Parameter bottom: pixels. The labels stand below it.
  mutating func axis(_ axis: TimeAxis, bottom: Double) {
    horizontalLine(y: bottom)
    for tick in axis.ticks {
      let x = percent(tick.place)
      text += "<line class=\"grid\" x1=\"\(x)\" x2=\"\(x)\" y1=\"0\" y2=\"\(svgNumber(bottom + 4))\"/>"
      let anchor: Anchor = tick.place < 0.08 ? .start : tick.place > 0.92 ? .end : .middle
      label(tick.label, x: tick.place, y: bottom + 17, anchor)
    }
  }

  /// Paths with their own units: `columns` across and `rows` down, stretched over the whole width.
  ///
  /// - Parameter paths: classes, and the data of the paths.
  mutating func stretched(
    _ paths: [(style: String, data: String)], columns: Int, rows: Int, y: Double, height: Double
  ) {
    text +=
      "<svg x=\"0\" y=\"\(svgNumber(y))\" width=\"100%\" height=\"\(svgNumber(height))\" "
      + "viewBox=\"0 0 \(columns) \(rows)\" preserveAspectRatio=\"none\">"
    for path in paths where !path.data.isEmpty {
      text += "<path class=\"\(path.style)\" d=\"\(path.data)\"/>"
    }
    text += "</svg>"
  }

  private func percent(_ share: Double) -> String { svgNumber(share * 100) + "%" }
}

/// A number with at most two decimals, without needless zeros; 0 for what is no number.
func svgNumber(_ value: Double) -> String {
  guard value.isFinite, value.magnitude < 1e12 else { return "0" }
  let hundredths = Int((value.magnitude * 100).rounded())
  let (whole, rest) = (hundredths / 100, hundredths % 100)
  let sign = value < 0 && hundredths > 0 ? "-" : ""
  if rest == 0 { return sign + String(whole) }
  if rest % 10 == 0 { return sign + "\(whole).\(rest / 10)" }
  return sign + "\(whole)." + (rest < 10 ? "0" : "") + String(rest)
}
