import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

/// `con-duct recover` with damaged run folders: it reports what it cannot read, and delivers the rest.
@Suite(.serialized, .needs(.root))
struct DamagedSpoolTests {
  private let user: UserFixture
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    user = try UserFixture(61_351, in: sandbox)
  }

  /// One way to damage a run folder: a shell script that runs in the folder.
  private struct Damage: Sendable {
    /// What `recover` must report about it.
    var message: String
    var script: String
    /// The files that `recover` must deliver all the same.
    var delivered: [String]

    init(_ message: String, _ script: String, delivers: [String]) {
      self.message = message
      self.script = script
      delivered = delivers
    }
  }

  private static let streams = ["stdout", "stderr"]
  private static let records = ["info.json", "usage.jsonl"]

  private static let damages: [Damage] = ofFiles + ofManifest + ofNumbers + ofKinds

  private static let ofFiles = [
    Damage("status: cannot open it", "rm status", delivers: records),
    Damage("no page of this release", "truncate -s 100 status", delivers: records),
    Damage("no page of this release", "truncate -s 9000 status", delivers: records),
    Damage("no page of this release", set(0, 99, bytes: 4), delivers: records),
    Damage("stdout, with 12 bytes", "chmod 0 stdout", delivers: ["stderr"] + records),
    Damage("stdout, with 12 bytes", "rm stdout", delivers: ["stderr"] + records),
    Damage("stdout, with 12 bytes", "ln -sf /etc/passwd stdout", delivers: ["stderr"] + records),
    Damage("stderr, with 4 bytes", "ln stderr ../.link", delivers: ["stdout"] + records),
    Damage("info.json: it is empty", ": > info.json", delivers: streams + ["usage.jsonl"]),
    Damage("info.json: it is no record", "echo '{}' > info.json", delivers: streams + ["usage.jsonl"]),
    Damage("info.json: it has", "truncate -s 3G info.json", delivers: streams + ["usage.jsonl"]),
    Damage("usage.jsonl: its last", "truncate -s 5G usage.jsonl", delivers: streams + records),
    Damage("manifest.json: it has", "truncate -s 3G manifest.json", delivers: []),
    Damage("manifest.json: cannot open", "rm manifest.json", delivers: []),
  ]

  private static let ofManifest = [
    edit("captured", "[]", "two streams"), edit("captured", "[true, true, true]", "two streams"),
    edit("captured", "[1, 2]", "no manifest"), edit("captured", "3", "no manifest"),
    edit("pid", "1e30", "no manifest"), edit("paths", "[]", "no manifest"),
    edit("start_time", "1e300", "start time"), edit("start_time", "-1", "start time"),
    edit("run_id", "\"../x\"", "run_id"),
  ]

  /// Offsets in the page: written, claimed, proven and released of stdout, and the start of the spool file.
  private static let ofNumbers = [56, 64, 72, 80, 104].flatMap { offset in
    [UInt64(Int64.max), 1 << 61].map { value in
      Damage("cannot be true", set(offset, value), delivers: ["stderr"] + records)
    }
  }

  private static let ofKinds = ["manifest.json", "info.json", "usage.jsonl", "status", "stdout"].flatMap {
    name in
    ["mkfifo \(name)", "mkdir \(name)"].map { Damage(name, "rm \(name); \($0)", delivers: []) }
  }

  private static func edit(_ member: String, _ value: String, _ message: String) -> Damage {
    let program =
      "import json, sys; m = json.load(open(sys.argv[1])); m[sys.argv[2]] = json.loads(sys.argv[3]); json.dump(m, open(sys.argv[1], \"w\"))"
    return Damage(message, "python3 -c '\(program)' manifest.json \(member) '\(value)'", delivers: [])
  }

  /// Writes a number into the page.
  private static func set(_ offset: Int, _ value: UInt64, bytes count: Int = 8) -> String {
    let bytes = (0..<count).map { "\\x" + String(value >> UInt64(8 * $0) & 0xFF, radix: 16) }.joined()
    return "printf '\(bytes)' | dd of=status bs=1 seek=\(offset) conv=notrunc status=none"
  }

  /// All damaged folders in one spool: a damaged folder must not keep `recover` from delivering the next.
  @Test func whatCannotBeReadIsToldAndTheRestIsDelivered() async throws {
    let folder = try await user.leaveARunWaiting(in: "good")
    var script = "set -e; cd \(folder.removingLastComponent())\n"
    for (number, damage) in Self.damages.enumerated() {
      script += """
        cp -a \(folder) 0-\(number); mkdir \(sandbox.path)/bad\(number); cd 0-\(number)
        sed -i 's#/good/x_#/bad\(number)/x_#g' manifest.json; \(damage.script); cd ..

        """
    }
    let done = try await user.sh(script)
    #expect(done.code == 0 && done.stderr == "")
    let listed = try await user.sh("con-duct recover --list", limit: 20)
    #expect(listed.code == 0)
    #expect(listed.stdout.split(separator: "\n").count == Self.damages.count + 2)

    let recovered = try await user.sh("con-duct recover --timeout 3", limit: 60)
    #expect(recovered.code == 1)
    #expect(recovered.stdout == "Delivered: \(sandbox.path)/good/x_\n")
    #expect(user.isWhole("good"))
    let lines = recovered.stderr.split(separator: "\n")
    #expect(lines.count == Self.damages.count, "\(recovered.stderr)")
    #expect(user.spooledRuns().count == Self.damages.count, "what could not be read stays")
    for (number, damage) in Self.damages.enumerated() {
      let own = lines.filter { $0.contains("/0-\(number):") || $0.contains("/0-\(number),") }
      #expect(own.count == 1 && own[0].contains(damage.message), "\(damage.script): \(own)")
      for name in damage.delivered {
        #expect(sandbox.exists("bad\(number)/x_\(name)"), "\(damage.script): \(name)")
      }
      for (name, text) in [("stdout", UserFixture.out), ("stderr", UserFixture.err)]
      where damage.delivered.contains(name) {
        #expect(try sandbox.text("bad\(number)/x_\(name)") == text, "\(damage.script)")
      }
    }
  }

  /// After the damage is repaired, `recover` delivers the run.
  @Test func whatIsMendedIsDelivered() async throws {
    let folder = try await user.leaveARunWaiting(in: "logs")
    _ = try await user.sh("mv \(folder)/status kept; chmod 0 \(folder)/usage.jsonl")
    #expect(try await user.sh("con-duct recover logs/x_").code == 1)
    _ = try await user.sh("mv kept \(folder)/status; chmod 600 \(folder)/usage.jsonl")
    let recovered = try await user.sh("con-duct recover logs/x_")
    #expect(recovered.code == 0 && recovered.stdout == "Delivered: \(sandbox.path)/logs/x_\n")
    #expect(user.isWhole("logs") && user.spooledRuns().isEmpty)
  }

  /// Another file has the name of a log file: `recover` reports where it delivered the run's own file.
  @Test func whatIsNotWhereOneLooksForItIsTold() async throws {
    let folder = try await user.leaveARunWaiting(in: "logs")
    #expect(try await user.sh("echo another > logs/x_stdout").code == 0)
    let recovered = try await user.sh("con-duct recover")
    let place = "\(sandbox.path)/logs/x_stdout.\(folder.lastComponent?.string ?? "?")"
    #expect(recovered.code == 0)
    #expect(
      recovered.stderr
        == "con-duct: \(sandbox.path)/logs/x_stdout is another's: the file of this run is \(place)\n")
    #expect(try sandbox.text("logs/x_stdout") == "another\n")
    #expect(String(decoding: try readAll(FilePath(place)), as: UTF8.self) == UserFixture.out)
  }

  /// A user has run chmod on all of their files.
  @Test func aSpoolThatOthersMayEnterIsLookedInto() async throws {
    let folder = try await user.leaveARunWaiting(in: "logs")
    let spool = folder.removingLastComponent().string
    _ = try await user.sh("chmod 777 \(spool)")
    for words in ["recover", "recover --list", "recover logs/x_"] {
      let refused = try await user.sh("con-duct \(words)")
      #expect(refused.code == 1 && !refused.stdout.contains("Nothing waits"), "\(words)")
      #expect(refused.stderr.contains("con-duct: \(spool) is not looked into: others may write into it\n"))
    }
    _ = try await user.sh("chmod 755 \(spool)")
    #expect(try await user.sh("con-duct recover --list").stdout.contains("waiting"))
    #expect(try await user.sh("con-duct recover logs/x_").code == 0)
    #expect(user.isWhole("logs") && user.spooledRuns().isEmpty)
  }

  // MARK: Runs that have nothing to deliver

  @Test func aRunThatIsWholeIsNoError() async throws {
    _ = try await user.leaveARunWaiting(in: "logs")
    for expected in ["Delivered: \(sandbox.path)/logs/x_\n", nil, nil] {
      let recovered = try await user.sh("con-duct recover logs/x_")
      #expect(recovered.code == 0 && recovered.stderr == "")
      #expect(recovered.stdout == expected ?? "Nothing waits for logs/x_, and its record is complete\n")
    }
    #expect(try await user.sh("con-duct recover logs/x_info.json logs/x_stdout").code == 0)
  }

  /// `recover` accepts the same words for records as the other subcommands: a prefix, a file, a directory.
  @Test func aWordMeansTheRecordsThatItMeansElsewhere() async throws {
    let folder = try await user.leaveARunWaiting(in: "logs")
    #expect(try await user.sh("con-duct recover").code == 0)
    // As if another run had taken the name of its info.json.
    let beside = "logs/x_info.json.\(folder.lastComponent?.string ?? "?")"
    #expect(try await user.sh("mv logs/x_info.json \(beside)").code == 0)
    for word in ["logs/x_", beside, "logs"] {
      let recovered = try await user.sh("con-duct recover \(word)")
      #expect(recovered.code == 0 && recovered.stderr == "")
      #expect(recovered.stdout == "Nothing waits for \(word), and its record is complete\n")
    }
    #expect(try await user.sh("cp \(beside) logs/x_info.json").code == 0)
    let both = try await user.sh("con-duct recover logs/x_")
    #expect(both.code == 0 && both.stdout == "Nothing waits for logs/x_, and its 2 records are complete\n")
  }

  /// A word that names no known run is an error.
  @Test func aRunOfWhichNothingIsKnownIsOne() async throws {
    _ = try await user.leaveARunWaiting(in: "logs")
    // `recover` still delivers the run that it knows.
    let recovered = try await user.sh("con-duct recover logs/y_ logs/x_")
    #expect(recovered.code == 1 && recovered.stderr.contains("nothing is known of logs/y_"))
    #expect(user.isWhole("logs"))
  }

  @Test func aRecordThatSaysRunningForEverIsTold() async throws {
    _ = try await user.leaveARunWaiting(in: "logs")
    #expect(try await user.sh("con-duct recover").code == 0)
    _ = try await user.sh(
      "sed -i 's/\"run_state\": *\"finished\"/\"run_state\":\"running\"/' logs/x_info.json")
    let here = try await user.sh("con-duct recover logs/x_")
    #expect(
      here.code == 1 && here.stderr.contains("says that it is running, and nothing of it is in a spool"))
    _ = try await user.sh("sed -i 's/\"hostname\": *\"[^\"]*\"/\"hostname\":\"login7\"/' logs/x_info.json")
    let there = try await user.sh("con-duct recover logs/x_")
    #expect(there.code == 1 && there.stderr.contains("running, on login7: recover it there"))
  }
}
