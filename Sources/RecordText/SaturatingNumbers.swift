extension Int {
  /// Rounds `value` toward zero. Gives the largest or smallest integer if it is out of range, and 0 for NaN.
  /// `Int(_:)` would end the process, and a record may contain any number.
  public init(saturating value: Double) {
    if let whole = Int(exactly: value.rounded(.towardZero)) {
      self = whole
    } else {
      self = value.isNaN ? 0 : value < 0 ? .min : .max
    }
  }
}
