/// Budget of CPU time for `DetailReading`, which may use 1 % of the time that passes.
///
/// An example with a command of 3 GB, whose round takes 52 ms. A report, and so a round, is due each second, and each
/// second earns 10 ms:
///
///     at      credit before   the round      credit after
///     3 ms    50 ms           takes 52 ms    -2 ms
///     1 s      8 ms           takes 52 ms   -44 ms
///     2 s    -34 ms           is left out   -34 ms
///     ...
///     5 s     -4 ms           is left out    -4 ms
///     6 s      6 ms           takes 52 ms   -46 ms
///
/// So there is a round every 5 s. A round may use more than the credit, because its length is not known before. While
/// no round is needed, the credit grows up to 250 ms.
struct DetailBudget {
  /// The part of the time that passes.
  private static let share = 0.01
  /// Seconds that can be saved up.
  private static let mostCredit = 0.25

  /// Seconds; negative while a round is still to be paid for.
  private(set) var credit = 0.05

  var allowsRound: Bool { credit > 0 }

  /// - Parameter seconds: since the previous sample.
  mutating func earn(_ seconds: Double) {
    credit = min(credit + max(seconds, 0) * Self.share, Self.mostCredit)
  }

  /// - Parameter seconds: that a round took.
  mutating func pay(_ seconds: Double) { credit -= seconds }
}
