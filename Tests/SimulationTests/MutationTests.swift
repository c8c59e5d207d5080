import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// Patches that reintroduce past faults, so that `make mutations` can show that the simulator finds them.
@Suite struct MutationTests {
  private static let folder = Documentation.project.appending("Tests/DeliverySimulation/mutations")
  static let faults = ["0", "1", "3", "7", "8", "8-numbers", "9", "10", "11", "12"]

  @Test(arguments: faults) func aFaultCanBePutBack(_ fault: String) async throws {
    let patch = Self.folder.appending("\(fault).patch")
    let result = try await run(
      "patch",
      ["--dry-run", "-s", "-f", "-p1", "-d", Documentation.project.string, "-i", patch.string],
      in: try Sandbox())
    #expect(result.code == 0, "\(result.stdout)")
  }

  @Test func eachStandsInTheTable() throws {
    let table = try Documentation.text("docs/testing.md")
    for fault in Self.faults { #expect(table.contains("| \(fault) |"), "\(fault)") }
  }
}
