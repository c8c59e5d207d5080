extension Int {
  /// The whole number nearest to `value`, towards zero; the largest or smallest there is beyond them, and
  /// 0 for NaN. A number of a record may be anything, and `Int(_:)` would end the process.
  public init(saturating value: Double) {
    if let whole = Int(exactly: value.rounded(.towardZero)) {
      self = whole
    } else {
      self = value.isNaN ? 0 : value < 0 ? .min : .max
    }
  }
}
