import Glibc
import RecordText
import TestSupport
import Testing

/// The command runs and duct ends even if descriptors, processes or memory are scarce.
@Suite struct ScarcityTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let command = "sh -c 'echo out; exit 3'"

  @Test("Of a few descriptors", arguments: Array(4...30) + [40])
  func descriptors(_ limit: Int) async throws {
    let script = "ulimit -n \(limit); exec \"$0\" --fail-time 0 -p log_ \(Self.command)"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.code == 3)
    #expect(result.stdout == "out\n")
    if sandbox.exists("log_stdout") { #expect(try sandbox.text("log_stdout") == "out\n") }
    if limit == 40 { #expect(!result.stderr.contains("Cannot start"), "enough for the relay") }
  }

  /// Runs duct as a user who may have only `limit` processes and threads. Returns nil unless the test runs as root,
  /// whose own processes the kernel does not limit. Tests run side by side, so each needs a user of its own.
  private func limited(_ limit: Int, uid: Int, _ arguments: String) async throws -> Finished? {
    guard getuid() == 0 else { return nil }
    // The build folder may be one that only its owner can enter, so the script copies the programs.
    let script = """
      cp "$0" "$1" . && chmod 777 . && unset HOME
      exec setpriv --reuid \(uid) --regid \(uid) --clear-groups \
        bash -c 'ulimit -u \(limit); exec ./duct --fail-time 0 -p log_ \(arguments)'
      """
    return try await run("bash", ["-c", script, Programs.duct, Programs.relay], in: sandbox)
  }

  @Test("Of a few processes", arguments: Array(2...8))
  func processes(_ limit: Int) async throws {
    let command = #"python3 -c "print(1234, flush=True); exit(3)""#
    guard let result = try await limited(limit, uid: 61_000 + limit, command) else { return }
    #expect(result.code == 3)
    #expect(result.stdout == "1234\n", "shown at the end, where there was no thread for it")
    #expect(!result.stderr.isEmpty)
    if sandbox.exists("log_stdout") { #expect(try sandbox.text("log_stdout") == "1234\n") }
  }

  /// duct is too poor for the threads that deliver the output, which waits in the spool. It is delivered at the end.
  @Test("Of a few processes, with the output in the spool", arguments: Array(4...8))
  func processesForTheSpool(_ limit: Int) async throws {
    guard let result = try await limited(limit, uid: 61_200 + limit, "--local-first always seq 20000") else {
      return
    }
    #expect(result.code == 0 && result.stdout.hasSuffix("\n20000\n"), "\(result.stderr)")
    if result.stderr.contains("running the command without duct") { return }
    #expect(try sandbox.text("log_stdout") == result.stdout, "\(result.stderr)")
  }

  /// If duct cannot fork and becomes the command, the command inherits no special settings of duct.
  @Test func aCommandInDuctsPlaceFindsNothingOfDucts() async throws {
    let check =
      #"python3 -c "import ctypes; v = ctypes.c_int(); ctypes.CDLL(None).prctl(37, ctypes.byref(v)); print(v.value)""#
    guard let result = try await limited(2, uid: 61_100, check) else { return }
    #expect(result.stdout == "0\n", "no subreaper")
    #expect(result.stderr.contains("running the command without duct"))
    #expect(sandbox.names() == ["duct", "duct-relay"], "no empty records")
    let hidden = try await limited(2, uid: 61_100, "-o none sh -c \"echo shown; exit 7\"")
    #expect(hidden?.code == 7)
    #expect(hidden?.stdout == "")
    let missing = try await limited(2, uid: 61_100, "nosuchprogram")
    #expect(missing?.code == 127)
    #expect(missing?.stderr.hasSuffix("con-duct: nosuchprogram: command not found\n") ?? true)
  }
}
