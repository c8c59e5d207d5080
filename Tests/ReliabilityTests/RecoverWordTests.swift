import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// The words by which `recover`, `ls` and `jobs` find a run.
@Suite(.serialized, .needs(.root))
struct RecoverWordTests {
  private let user: UserFixture
  private var sandbox: Sandbox { user.sandbox }

  init() throws { user = try UserFixture(61_341, in: Sandbox()) }

  /// The prefixes of the waiting runs that a word names. Empty if it names none.
  private func meant(_ word: String, in folder: String = ".") async throws -> [String] {
    let result = try await user.sh("cd \(folder) && con-duct recover --list --json \(word)")
    if result.code == 1 { return [] }
    return try JSONParser.parse(Array(result.stdout.utf8)).array?.compactMap { $0["prefix"]?.string } ?? []
  }

  @Test func howeverAPathIsSpelled() async throws {
    let folder = try await user.leaveARunWaiting(in: "logs")
    let waiting = try await user.sh(
      """
      mkdir other other/logs; ln -s logs link; chmod 0 logs
      duct -q --slurm off --finalize-timeout 0.5 --fail-time 0 -p ./logs//x_2_ echo 2; chmod 755 logs
      """)
    #expect(waiting.code == 0)
    try await eventually { sandbox.spooledRuns(of: user.uid).allSatisfy(sandbox.isOver) }
    let (first, second) = ("\(sandbox.path)/logs/x_", "\(sandbox.path)/./logs//x_2_")
    for word in [
      "logs/x_", "./logs/x_", "logs//x_", "$PWD/logs/x_", "link/x_", "other/../logs/x_", "logs/x_stdout",
      "./link/x_info.json", "\(folder)", "\(folder)/", "\(folder.lastComponent?.string ?? "")",
    ] {
      #expect(try await meant(word) == [first], "\(word)")
    }
    #expect(try await meant("../logs/x_", in: "other") == [first])
    for place in ["logs", "link"] { #expect(try await meant("x_", in: place) == [first]) }
    #expect(try await meant("link/x_2_") == [second])
    for word in ["logs", "logs/", "./link/", "."] {
      #expect(try await Set(meant(word, in: word == "." ? "logs" : ".")) == [first, second], "\(word)")
    }
    // In another directory the same words name other runs.
    #expect(try await meant("logs/x_", in: "other").isEmpty)
    for word in ["logs/x", "x_"] { #expect(try await meant(word).isEmpty, "\(word)") }

    let recovered = try await user.sh("con-duct recover link/x_ ./logs/x_2_")
    #expect(recovered.code == 0 && user.isWhole("logs"), "\(recovered)")
    let shown = try await user.sh("con-duct ls logs/x_ ./logs/x_ link/x_ logs link")
    #expect(shown.stdout.split(separator: "\n").count == 3, "\(shown)")
  }
}
