import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// The spool among other users, who may be hostile. Each test has two users.
@Suite(.serialized, .needs(.root)) struct NeighbourTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func asRoot(_ script: String) async throws -> Finished {
    try await run("bash", ["-c", "PATH=$PWD/programs:$PATH; " + script], in: sandbox, limit: 30)
  }

  // MARK: Folders of other users

  /// root's `recover` does not do what a run folder of another user says.
  @Test(arguments: [61_311, 65_534])
  func rootIsNotObedientToTheFolderOfAUser(_ uid: UInt32) async throws {
    let user = try UserFixture(uid, in: sandbox)
    let folder = try await user.leaveARunWaiting(in: "logs")
    // The manifest would make root write where only root can.
    try sandbox.makeDirectory("mine")
    _ = try await user.sh("cp -a \(folder) kept; sed -i 's#/logs/x_#/mine/x_#g' \(folder)/manifest.json")
    let before = try await asRoot("find \(folder) -printf '%p %s %T@\\n' | sort")
    let refused = try await asRoot("con-duct recover \(folder)")
    #expect(refused.code == 1 && refused.stdout == "")
    #expect(refused.stderr.contains("it belongs to user \(uid), and is not to be obeyed by root; run: "))
    #expect(sandbox.names("mine") == [])
    #expect(try await asRoot("find \(folder) -printf '%p %s %T@\\n' | sort").stdout == before.stdout)

    // The command that the message suggests helps the user and runs with the user's rights only.
    let command = try #require(
      refused.stderr.split(separator: "\n").first?.components(behind: "run: "))
    let name = getpwuid(uid).map { String(cString: $0.pointee.pw_name) }
    #expect(command.hasPrefix(name.map { "runuser -u \($0) -- " } ?? "setpriv --reuid=\(uid) "))
    let harmless = try await asRoot(command)
    #expect(harmless.code == 1 && harmless.stderr.contains("(EACCES)"))
    _ = try await user.sh("cp -a kept/manifest.json \(folder)/manifest.json")
    let helped = try await asRoot(command)
    #expect(helped.code == 0 && user.isWhole("logs"), "\(helped)")
  }

  /// `recover` by root follows no links, FIFOs or hard links that a neighbor planted in a run folder.
  @Test func rootsOwnRunIsNotLedOutOfItsFolder() async throws {
    let user = try UserFixture(61_312, in: sandbox)
    let folder = try await user.leaveARunWaiting(in: "logs")
    try sandbox.write("secret\n", to: "secret")
    chmod(sandbox["secret"].string, 0o600)
    // The folder belongs to root, but a neighbor may have put files into it.
    _ = try await asRoot("chown -R 0:0 \(folder)")
    for (name, plant) in [
      ("status", "ln -s $PWD/secret"), ("usage.jsonl", "ln $PWD/secret"), ("stdout", "ln -s $PWD/secret"),
      ("info.json", "mkfifo"), ("carrier", "ln -s $PWD/secret"),
    ] {
      _ = try await asRoot("mv \(folder)/\(name) kept; \(plant) \(folder)/\(name)")
      let refused = try await asRoot("con-duct recover --timeout 3 \(folder)")
      #expect(refused.code == 1, "\(name): \(refused)")
      #expect(try sandbox.text("secret") == "secret\n" && !refused.stderr.contains("secret"))
      #expect(refused.stderr.contains("\(name)"), "\(refused.stderr)")
      _ = try await asRoot("rm \(folder)/\(name); mv kept \(folder)/\(name)")
    }
    _ = try await asRoot("chmod 770 \(folder)")
    let refused = try await asRoot("con-duct recover \(folder)")
    #expect(refused.code == 1 && refused.stderr.contains("others may write into it"))
    // `recover` does not follow a link in place of the folder either, and removes nothing through it.
    _ = try await asRoot("chmod 700 \(folder); ln -s \(folder) duct-0; ln -s \(folder) duct-0-link")
    let linked = try await asRoot("con-duct recover $PWD/duct-0-link")
    #expect(linked.code == 1 && sandbox.exists("duct-0-link/manifest.json"))
    #expect(try await asRoot("con-duct recover \(folder)").code == 0)
    #expect(user.isWhole("logs"))
  }

  /// `recover` reports that it cannot open another user's folder.
  @Test func theFolderOfAnotherIsTold() async throws {
    let folder = try await UserFixture(61_313, in: sandbox).leaveARunWaiting(in: "logs")
    let other = try UserFixture(61_314, in: sandbox)
    let refused = try await other.sh("con-duct recover \(folder)")
    #expect(refused.code == 1 && refused.stderr.contains("cannot recover \(folder): cannot open it"))
  }

  // MARK: Names that another user took first

  /// A user for whom another user has already taken every predictable spool name.
  private func victim(_ uid: UInt32) async throws -> UserFixture {
    let victim = try UserFixture(uid, in: sandbox)
    let taken = ["/var/tmp", "/tmp", sandbox.spool.string].map { "\($0)/duct-\(uid)" }
    _ = try await asRoot(
      "rm -rf \(taken.joined(separator: " ")) /var/tmp/duct-\(uid)-* /tmp/duct-\(uid)-*; "
        + "mkdir \(taken.joined(separator: " ")) && chown 61399 \(taken.joined(separator: " "))")
    return victim
  }

  private func clean(_ uid: UInt32) async throws {
    _ = try await asRoot(
      "rm -rf /var/tmp/duct-\(uid) /tmp/duct-\(uid) /var/tmp/duct-\(uid)-* /tmp/duct-\(uid)-*")
  }

  /// Another user has taken the usual spool names. The run uses another place, which `recover` finds.
  @Test func whoeverTakesTheNamesFirstGainsNothing() async throws {
    let uid: UInt32 = 61_321
    let victim = try await self.victim(uid)
    try sandbox.makeDirectory("home")
    chown(sandbox["home"].string, uid, uid)
    for (home, place) in [
      (sandbox["home"].string as String?, "\(sandbox.path)/home/.local/state/duct-\(uid)/"),
      (nil, "/var/tmp/duct-\(uid)-"),
    ] {
      _ = try await asRoot("rm -rf logs")
      let waiting = try await victim.sh(
        """
        mkdir logs; chmod 0 logs
        duct -q --slurm off --finalize-timeout 0.5 --fail-time 0 -p logs/x_ sh -c 'echo out 1; echo out 2; echo err >&2'
        chmod 755 logs
        """, environment: ["HOME": home])
      #expect(waiting.stderr.contains("con-duct recover \(place)"), "\(waiting.stderr)")
      #expect(!waiting.stderr.contains("memory"))
      // Later commands find the spool again.
      let listed = try await victim.sh("con-duct recover --list --json", environment: ["HOME": home])
      #expect(listed.stdout.contains("\"spool\": \"\(place)"), "\(listed.stdout)")
      let recovered = try await victim.sh("con-duct recover", environment: ["HOME": home])
      #expect(recovered.code == 0 && victim.isWhole("logs"), "\(recovered)")
      #expect(
        try await victim.sh("con-duct recover", environment: ["HOME": home]).stdout
          == "Nothing waits on this host\n")
    }
    let names = try await asRoot("ls -d /var/tmp/duct-\(uid)-* | wc -l")
    #expect(names.stdout == "1\n", "the same for every run")
    try await clean(uid)
  }
}

extension Substring {
  fileprivate func components(behind mark: String) -> String? {
    guard let range = firstRange(of: mark) else { return nil }
    return String(self[range.upperBound...])
  }
}
