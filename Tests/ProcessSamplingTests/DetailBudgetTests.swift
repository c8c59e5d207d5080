import Testing

@testable import ProcessSampling

@Suite struct DetailBudgetTests {
  /// The example in the comment of `DetailBudget`: rounds of 52 ms, one report each second.
  @Test func theWorkedExample() {
    var budget = DetailBudget()
    var rounds: [Int] = []
    var credits: [Int] = []
    for second in 0...6 {
      if second > 0 { budget.earn(1) }
      if budget.allowsRound {
        rounds.append(second)
        budget.pay(0.052)
      }
      credits.append(Int((budget.credit * 1000).rounded()))
    }
    #expect(rounds == [0, 1, 6])
    #expect(credits == [-2, -44, -34, -24, -14, -4, -46])
  }

  @Test func creditIsLimited() {
    var budget = DetailBudget()
    budget.earn(3600)
    #expect(budget.credit == 0.25)
    budget.earn(-1)
    #expect(budget.credit == 0.25)
  }
}
