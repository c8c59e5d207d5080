import RecordText
import Testing

@testable import DuctRun

/// What the command gets in addition to duct's own environment.
@Suite struct CommandEnvironmentTests {
  private func text(_ environment: CommandEnvironment) -> [String] {
    environment.entries.map { String(escaping: $0) }
  }

  @Test func nothingToHandDownChangesNothing() {
    var environment = CommandEnvironment([Array("A=1".utf8), Array("DUCT_CAMPAIGN=c".utf8)])
    #expect(!environment.isChanged)
    environment.hand(campaign: "c")
    #expect(!environment.isChanged && text(environment) == ["A=1", "DUCT_CAMPAIGN=c"])
  }

  @Test func eachVariableIsThereOnce() {
    var environment = CommandEnvironment(
      ["DUCT_PARENT_RUN=r1", "SBATCH_WCKEY=duct-r1", "B=2", "DUCT_CAMPAIGN=", "DUCT_CAMPAIGNS=x"].map {
        Array($0.utf8)
      })
    environment.hand(tag: "duct-r2")
    environment.hand(run: "r2")
    environment.hand(campaign: "n\u{e9} \u{10FFFF}")
    #expect(environment.isChanged)
    #expect(
      text(environment) == [
        "B=2", "DUCT_CAMPAIGNS=x", "SBATCH_WCKEY=duct-r2", "SLURM_WCKEY=duct-r2", "SALLOC_WCKEY=duct-r2",
        "DUCT_PARENT_RUN=r2", "DUCT_CAMPAIGN=n\u{e9} \u{10FFFF}",
      ])
    // A byte that is no UTF-8 is handed down as it is.
    #expect(environment.entries.last?.last == 0xFF)
  }
}
