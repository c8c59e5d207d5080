import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport

/// An ordinary user with an own copy of duct. If the tests may not become another user, it is the user that runs the
/// tests.
struct UserFixture: Sendable {
  struct Trouble: Error, CustomStringConvertible {
    var description: String
  }

  let sandbox: Sandbox
  let uid: UInt32

  /// - Parameter uid: must be unique to the test, since tests run side by side.
  init(_ uid: UInt32, in sandbox: Sandbox) throws {
    self.sandbox = sandbox
    self.uid = geteuid() == 0 ? uid : geteuid()
    chmod(sandbox.path.string, 0o777)
    _ = try sandbox.programsForOthers()
  }

  /// Runs a shell script, with duct and con-duct in PATH.
  func sh(
    _ script: String, environment: [String: String?] = [:], limit: Double = 60
  ) async throws -> Finished {
    let home: [String: String?] = ["HOME": nil, "TMPDIR": nil, "XDG_RUNTIME_DIR": nil]
    var words = ["bash", "-c", "PATH=$PWD/programs:$PATH; " + script]
    if geteuid() == 0 {
      words = ["setpriv", "--reuid=\(uid)", "--regid=\(uid)", "--clear-groups"] + words
    }
    return try await run(
      words[0], Array(words.dropFirst()), in: sandbox, environment: home.merging(environment) { $1 },
      limit: limit)
  }

  /// The folders of this user's runs in the sandbox's spool.
  func spooledRuns() -> [FilePath] { sandbox.spooledRuns(of: uid) }

  static let out = "out 1\nout 2\n"
  static let err = "err\n"

  /// Makes a run whose log directory is not writable until the run is over. Returns its run folder.
  func leaveARunWaiting(in folder: String) async throws -> FilePath {
    let before = spooledRuns()
    let result = try await sh(
      """
      mkdir \(folder); chmod 0 \(folder)
      if mkdir \(folder)/x 2>/dev/null; then echo 'the tests need an ordinary user' >&2; exit 9; fi
      duct -q --slurm off --finalize-timeout 0.5 --fail-time 0 -p \(folder)/x_ sh -c 'echo out 1; echo out 2; echo err >&2'
      code=$?; chmod 755 \(folder); exit $code
      """)
    guard result.code == 0, let new = spooledRuns().first(where: { !before.contains($0) }) else {
      throw Trouble(description: "no run waits: \(result)")
    }
    // The run's relay may still be exiting.
    try await eventually { sandbox.isOver(new) }
    return new
  }

  /// Whether the log directory has all files of the run.
  func isWhole(_ folder: String) -> Bool {
    (try? sandbox.text("\(folder)/x_stdout")) == Self.out
      && (try? sandbox.text("\(folder)/x_stderr")) == Self.err
      && (try? sandbox.info("\(folder)/x_info.json"))?["run_state"] == "finished"
      && sandbox.exists("\(folder)/x_usage.jsonl")
  }
}
