import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// What the documents say of the project's own files is true: the graph of targets, paths and links, and the limits of
/// files and functions.
@Suite(.needs(.programs("python3"))) struct TargetGraphTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// - Parameter script: prints each fault on a line of standard error, and fails if there is one.
  private func faults(of script: String, _ arguments: [String] = []) async throws -> String {
    let path = Documentation.project.appending("contrib").appending(script).string
    let result = try await run(path, arguments, in: sandbox, limit: 120)
    return result.code == 0 ? "" : "\(script) has failed: \(result.stderr)"
  }

  /// The picture in docs/architecture.md is that of Package.swift, no arrow points up, and each file imports only what
  /// its target declares.
  @Test(.needs(.programs("swift"))) func arrowsPointDown() async throws {
    #expect(try await faults(of: "target-graph", ["--check"]) == "")
  }

  @Test func pathsAndLinksInDocumentsLeadSomewhere() async throws {
    #expect(try await faults(of: "check-documents") == "")
  }

  @Test func longFilesAndFunctionsHaveAReason() async throws {
    #expect(try await faults(of: "check-sizes") == "")
  }
}
