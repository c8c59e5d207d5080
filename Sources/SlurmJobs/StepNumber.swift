/// The numbers by which Slurm's variables name steps.
public enum StepNumber {
  private static let names: [UInt32: String] = [
    0xFFFF_FFFA: "interactive", 0xFFFF_FFFB: "batch", 0xFFFF_FFFC: "extern",
  ]

  /// The name of a step by the text of `SLURM_STEP_ID`. Slurm 26.05 writes that of the batch script as -5.
  ///
  /// - Returns: nil if it is no number.
  public static func name(_ text: String) -> String? {
    guard let value = Int64(text), value >= Int64(Int32.min), value <= Int64(UInt32.max) else { return nil }
    let number = UInt32(truncatingIfNeeded: value)
    return names[number] ?? "\(number)"
  }
}
