import Glibc
import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

extension OnSlurm {
  /// root and an ordinary user run steps on the same nodes, each with duct's prologs and epilogs. The spool is in a folder
  /// in which everybody may create names, as in /var/tmp.
  @Suite(.needs(.root)) struct TwoUsersTests {
    enum User: String, CaseIterable, Sendable {
      case root, daemon

      var id: UInt32 { UserAccount(name: Array(rawValue.utf8))?.uid ?? .max }
      var other: User { self == .root ? .daemon : .root }
    }

    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }

    /// Makes a folder for each user to run steps in, and a second place for spools.
    init() throws {
      fixture = try SlurmFixture()
      _ = try sandbox.programsForOthers()
      for script in Self.scripts + [Self.jobEpilog] {
        let source = Documentation.project.appending("contrib/slurm").appending(script)
        try sandbox.write(readAll(source), to: "programs/\(script)")
        _ = sandbox["programs/\(script)"].withPlatformString { chmod($0, 0o755) }
      }
      try sandbox.makeDirectory("second")
      _ = sandbox["second"].withPlatformString { chmod($0, 0o1777) }
      for user in User.allCases { try sandbox.makeDirectory(user.rawValue, of: user.id) }
    }

    private static let scripts = [
      "duct-task-prolog", "duct-task-epilog", "duct-srun-prolog", "duct-srun-epilog",
    ]

    private static let jobEpilog = "duct-job-epilog"

    // MARK: Steps

    /// The site names the scripts in slurm.conf, for all users.
    private func withScripts(_ body: () async throws -> Void) async throws {
      let settings = zip(["TaskProlog", "TaskEpilog", "SrunProlog", "SrunEpilog"], Self.scripts).map {
        "\($0)=\(sandbox["programs/\($1)"])"
      }
      try await fixture.testbed.withSettings(settings, in: sandbox) {
        // Each slurmd rereads its configuration in its own time.
        try sandbox.makeDirectory("probe")
        try await eventually(60) {
          let probe = try await shell(.root, "cd ../probe; srun -N3 bash -c 'echo ${DUCT_PARENT_RUN:-none}'")
          return probe.code == 0 && !probe.stdout.contains("none")
        }
        try await body()
      }
    }

    /// The user names the scripts.
    private var named: [String: String?] {
      Dictionary(
        uniqueKeysWithValues: Self.scripts.map {
          let name = $0.dropFirst("duct-".count).replacing("srun-", with: "").replacing("-", with: "_")
          return ("SLURM_" + name.uppercased(), sandbox["programs/\($0)"].string)
        })
    }

    private func shell(
      _ user: User, _ script: String, environment more: [String: String?] = [:],
      while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
    ) async throws -> Finished {
      let own: [String: String?] = [
        "DUCT_PROLOG": "on", "DUCT_BIN": sandbox["programs"].string, "DUCT_SAMPLE_INTERVAL": "0.1",
        "TMPDIR": sandbox["second"].string, "HOME": nil, "XDG_RUNTIME_DIR": nil, "USER": user.rawValue,
        "LOGNAME": user.rawValue,
      ]
      return try await run(
        "setpriv",
        ["--reuid=\(user.id)", "--regid=\(user.id)", "--clear-groups", "bash", "-c", script], in: sandbox,
        folder: user.rawValue,
        environment: fixture.testbed.environment.merging(own) { $1 }.merging(more) { $1 },
        limit: 120, while: body)
    }

    private func infoNames(_ user: User) -> [String] {
      sandbox.names("\(user)/.duct/logs").filter { $0.hasSuffix("_info.json") }
    }

    private func records(_ user: User) throws -> [JSONValue] {
      try infoNames(user).map { try sandbox.info("\(user)/.duct/logs/\($0)") }
    }

    /// The records when all processes that watch steps have ended.
    private func finished(_ user: User, _ count: Int) async throws -> [JSONValue] {
      do {
        try await eventually(30) {
          try records(user).count == count && records(user).allSatisfy { $0["run_state"] == "finished" }
            && sandbox.processes().isEmpty
        }
      } catch {
        let found = try records(user).map { "\($0["command"] ?? .null): \($0["run_state"] ?? .null)" }
        Issue.record("\(user): \(found), and these run: \(sandbox.processes())")
      }
      return try records(user)
    }

    private func tasks(_ records: [JSONValue]) -> [JSONValue] { records.flatMap { $0["tasks"]?.array ?? [] } }

    private func status(_ path: FilePath) throws -> stat {
      var information = stat()
      try valueOrErrno { path.withPlatformString { lstat($0, &information) } }
      return information
    }

    // MARK: The end of a job

    /// slurmd runs a script as root on each node after a job. It lets duct finish what the user's watches have left.
    @Test func theEpilogOfAJob() async throws {
      try sandbox.write(
        """
        #!/bin/sh
        DUCT_SPOOL_DIR=\(sandbox.spool) DUCT_BIN=\(sandbox["programs"]) "\(sandbox["programs"])/\(Self.jobEpilog)"
        echo $? $SLURMD_NODENAME >> "\(sandbox["epilogs"])"

        """, to: "epilog")
      _ = sandbox["epilog"].withPlatformString { chmod($0, 0o755) }
      try await fixture.testbed.withSettings(["Epilog=\(sandbox["epilog"])"], in: sandbox) {
        // Each slurmd rereads its configuration in its own time.
        try await eventually(60) {
          try await probe()
          return Set(epilogs) == ["0 n1", "0 n2", "0 n3"]
        }
        for user in User.allCases {
          try await leaveARecord(user)
          do {
            try await eventually(30) { try records(user).map { $0["run_state"] } == ["interrupted"] }
          } catch {
            let states = try records(user).map { $0["run_state"] ?? .null }
            Issue.record("\(user): \(states), \(sandbox.spooledRuns(of: user.id))")
          }
          #expect(try records(user).first?["end_reason"] == "killed")
          try await eventually(30) { sandbox.spooledRuns(of: user.id).isEmpty }
        }
      }
      // An epilog that is missing would take a node out of service.
      try await eventually(60) {
        let before = epilogs.count
        try await probe()
        // It starts when the epilogs of the one before have ended.
        try await probe()
        return epilogs.count == before
      }
    }

    /// The watch of a step is killed, as by slurmstepd, and no other step of the user follows.
    private func leaveARecord(_ user: User) async throws {
      let result = try await shell(
        user,
        #"""
        srun --quiet -n1 bash -c 'until ls .duct/logs/*_info.json; do sleep 0.1; done >/dev/null 2>&1
        kill -9 $(grep -o "\"duct_pid\": [0-9]*" .duct/logs/*_info.json | cut -d" " -f2)'
        """#,
        environment: ["SLURM_TASK_PROLOG": sandbox["programs/duct-task-prolog"].string])
      #expect(result.code == 0 && result.stderr == "", "\(user): \(result)")
    }

    /// The exit code and the node of each epilog that slurmd has run.
    private var epilogs: [Substring] { ((try? sandbox.text("epilogs")) ?? "").split(separator: "\n") }

    /// Runs a job that has all nodes to itself.
    private func probe() async throws {
      let result = try await run(
        "srun", ["--quiet", "--exclusive", "-N3", "true"], in: sandbox,
        environment: fixture.testbed.environment, limit: 60)
      #expect(result.code == 0, "\(result)")
    }

    // MARK: Side by side

    /// Each user has 6 tasks on three nodes, at the same time.
    @Test func stepsSideBySide() async throws {
      try await withScripts {
        let step = "srun --quiet -N3 --ntasks-per-node=2 bash -c 'until [ -e go ]; do sleep 0.1; done; id -u'"
        let suite = self
        async let ofRoot = shell(.root, step)
        async let ofOther = shell(.daemon, step) { _ in
          try await eventually(60) {
            try User.allCases.allSatisfy {
              try suite.records($0).count == 4 && suite.tasks(suite.records($0)).count == 6
            }
          }
          for user in User.allCases { try await suite.spoolIsPrivate(user) }
          for user in User.allCases { try suite.sandbox.write("", to: "\(user)/go") }
        }
        for (user, result) in try await [(User.root, ofRoot), (User.daemon, ofOther)] {
          #expect(result.code == 0 && result.stderr == "", "\(user): \(result)")
          #expect(result.stdout == String(repeating: "\(user.id)\n", count: 6), "\(user)")
        }
      }
      let pids = [try await checkStep(of: .root), try await checkStep(of: .daemon)]
      #expect(pids[0].count == 6 && pids[1].count == 6 && pids[0].isDisjoint(with: pids[1]))
    }

    /// - Returns: the processes of its tasks.
    private func checkStep(of user: User) async throws -> Set<Int> {
      let records = try await finished(user, 4)
      let tasks = tasks(records)
      #expect(tasks.compactMap { $0["task_procid"]?.double }.sorted() == [0, 1, 2, 3, 4, 5], "\(user)")
      #expect(tasks.allSatisfy { $0["task_end_time"]?.double != nil }, "\(user)")
      #expect(
        Set(records.compactMap { $0["slurm"]?["own_job"]?["own_job_id"]?.string }).count == 1, "\(user)")
      let nodes = records.filter { $0["tasks"]?.array != nil }
      #expect(
        Set(nodes.compactMap { $0["slurm"]?["own_job"]?["own_node"]?.string }) == ["n1", "n2", "n3"],
        "\(user)")
      #expect(records.allSatisfy { $0["system"]?["uid"]?.double == Double(user.id) }, "\(user)")
      #expect(records.count { $0["step"]?["step_task_count"] == 6 } == 1, "\(user)")
      for name in sandbox.names("\(user)/.duct/logs") {
        let file = try status(sandbox["\(user)/.duct/logs/\(name)"])
        #expect(file.st_uid == user.id && file.st_mode & 0o022 == 0, "\(name)")
      }
      #expect(sandbox.names(of: spool(of: user)) == [], "\(user): nothing is left")
      return Set(tasks.compactMap { $0["task_pid"]?.double.map { Int($0) } })
    }

    private func spool(of user: User) -> FilePath { sandbox.spool.appending("duct-\(user.id)") }

    /// While the steps run. root may look at everything, so only the ordinary user tries.
    private func spoolIsPrivate(_ user: User) async throws {
      let spool = spool(of: user)
      let folder = try status(spool)
      #expect(folder.st_uid == user.id && folder.st_mode & 0o7777 == 0o700, "\(user)")
      // One for each node, and one of srun.
      let shared = sandbox.names(of: spool).filter { $0.hasPrefix(".step-") }
      #expect(shared.count == 4, "\(user): \(shared)")
      let inside = try sandbox.names(of: spool).map { try status(spool.appending($0)) }
      #expect(inside.allSatisfy { $0.st_uid == user.id && $0.st_mode & 0o077 == 0 }, "\(user)")
      guard user == .root else { return }
      let tries = """
        cd '\(spool)' 2>/dev/null && echo entered
        ls '\(spool)' 2>/dev/null && echo listed
        : 2>/dev/null > '\(spool)/\(shared[0])/tasks' && echo written
        mv -T '\(spool)' '\(spool)-mine' 2>/dev/null && echo moved
        rm -rf '\(spool)' 2>/dev/null; [ -d '\(spool)' ] || echo removed
        '\(sandbox["programs/con-duct"])' recover --list | grep -c '\(spool)'
        """
      let result = try await shell(.daemon, tries)
      #expect(result.stdout == "0\n" && result.stderr == "", "\(result)")
    }

    // MARK: A name in the way

    /// What the other user has put where the user's spool would be.
    enum Obstacle: CaseIterable, Sendable {
      /// A folder in which everybody may write.
      case folder
      /// A link to such a folder of the other user.
      case link
      /// A link to a folder of the user itself, which the other user could not make.
      case linkToOwn
      case file
    }

    /// The step has its records, from another place. Nothing is written through what is in the way.
    @Test(arguments: User.allCases, Obstacle.allCases)
    func aNameInTheWay(_ user: User, _ obstacle: Obstacle) async throws {
      let name = spool(of: user)
      try sandbox.makeDirectory("trap", of: user.other.id, mode: 0o777)
      try sandbox.makeDirectory("own", of: user.id, mode: 0o700)
      let words =
        switch obstacle {
        case .folder: "mkdir -m 777 '\(name)'"
        case .link: "ln -s '\(sandbox["trap"])' '\(name)'"
        case .linkToOwn: "ln -s '\(sandbox["own"])' '\(name)'"
        case .file: "echo mine > '\(name)'"
        }
      let made = try await shell(user.other, words)
      #expect(made.code == 0, "\(made)")
      let before = try status(name)

      let suite = self
      let result = try await shell(
        user, "srun -N2 -n4 bash -c 'until [ -e go ]; do sleep 0.1; done; exit 6'", environment: named
      ) { _ in
        try await eventually(60) {
          try suite.records(user).count == 3 && suite.tasks(suite.records(user)).count == 4
        }
        let second = suite.sandbox["second"].appending("duct-\(user.id)")
        #expect(try suite.status(second).st_uid == user.id)
        #expect(suite.sandbox.names(of: second).count { $0.hasPrefix(".step-") } == 3)
        try suite.sandbox.write("", to: "\(user)/go")
      }
      #expect(result.code == 6 && !result.stderr.contains("duct"), "\(result)")
      #expect(tasks(try await finished(user, 3)).allSatisfy { $0["task_end_time"]?.double != nil })
      let after = try status(name)
      #expect(
        after.st_ino == before.st_ino && after.st_mode == before.st_mode && after.st_uid == user.other.id)
      #expect(after.st_size == before.st_size && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
      for folder in ["trap", "own"] { #expect(sandbox.names(folder) == [], "\(folder)") }
    }
  }
}
