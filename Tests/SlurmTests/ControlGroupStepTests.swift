import Glibc
import RecordText
import TestSupport
import Testing

extension SlurmFixture {
  static var hasControlGroups: Bool {
    getuid() == 0
      && ["memory", "freezer"].allSatisfy { access("/sys/fs/cgroup/\($0)", W_OK) == 0 }
  }

  /// Runs a script of bash on a Slurm of its own with task/cgroup and proctrack/cgroup.
  func onControlGroups(_ script: String, environment: [String: String?]) async throws -> Finished {
    // Behind those of the testbed that is there: run-tests has looked that nobody listens on them.
    let port = try #require(
      Int(try await tool("sed", "-n", "s/^SlurmctldPort=//p", testbed.configuration).trimmed))
    return try await TestSupport.run(
      testbed.script,
      [
        "run", "--dir", sandbox["groups"].string, "--port", "\(port + 10)", "--nodes", "1", "--", "bash",
        "-c",
        script,
      ],
      in: sandbox, environment: environment.merging(["TESTBED_CGROUPS": "yes"]) { $1 }, limit: 180)
  }
}

extension OnSlurm {
  /// With proctrack/cgroup, slurmstepd kills the process that watches a step, as soon as the last task has ended.
  @Suite(.enabled(if: SlurmFixture.hasControlGroups, "it needs root and cgroups of version 1"))
  struct ControlGroupStepTests {
    private let fixture: SlurmFixture
    private var sandbox: Sandbox { fixture.sandbox }
    init() throws { fixture = try SlurmFixture() }

    /// Each step writes its records into a folder of its own. A task ends when the record has been written.
    private static let script = #"""
      export DUCT_PROLOG=on DUCT_SAMPLE_INTERVAL=0.1 SLURM_TASK_PROLOG="$SCRIPTS/duct-task-prolog"
      step() { # FOLDER OPTION...: one step
        local folder=$1; shift
        DUCT_OUTPUT_PREFIX=$folder/ srun "$@" bash -c 'until ls '$folder'/*_info.json; do sleep 0.1; done' >/dev/null 2>&1
      }
      settled() { # until no duct of this test is left
        until ! grep -qslz "DUCT_OUTPUT_PREFIX=$1/" /proc/[0-9]*/environ; do sleep 0.1; done
      }
      ends() { # FOLDER OPTION...: a step whose watch has the time to end. On a busy host it can take several tries
        for try in 1 2 3 4 5 6 7 8; do
          rm -f "$1"/*; step "$@"; settled "$1"
          ! grep -q '"finished"' "$1"/*_info.json || return 0
        done
      }
      left() { # a step with one task, and one that finishes its record; until the watch was fast enough to note the end
        for try in $(seq 12); do
          step alone$try -n1; settled alone$try
          # The next step has the time for it.
          DUCT_OUTPUT_PREFIX=next$try/ srun -n2 \
            bash -c 'until ! grep -q "\"running\"" alone'$try'/*_info.json; do sleep 0.1; done'
          ! grep -q '"finished"' alone$try/*_info.json || { ln -s alone$try alone; return; }
        done
      }
      ends several -n4
      SLURM_TASK_EPILOG=$SCRIPTS/duct-task-epilog ends epilog -n1
      left
      """#

    @Test(.timeLimit(.minutes(4))) func recordsAreFinished() async throws {
      let sandbox = sandbox
      let result = try await fixture.onControlGroups(
        Self.script,
        environment: [
          "SCRIPTS": Documentation.project.appending("contrib/slurm").string,
          "DUCT_BIN": Programs.folder.string,
        ])
      #expect(result.code == 0, "\(result)")
      func records(_ folder: String) throws -> [JSONValue] {
        try sandbox.names(folder).filter { $0.hasSuffix("_info.json") }.map {
          try sandbox.info("\(folder)/\($0)")
        }
      }
      // slurmstepd waits a tenth of a second if there are several tasks, and for an epilog. The watch of an only task
      // has left its record to the next step.
      for folder in ["several", "epilog", "alone"] {
        let info = try #require(try records(folder).first { $0["run_state"] == "finished" }, "\(folder)")
        #expect(info["end_reason"] == "ended", "\(folder)")
        let tasks = info["tasks"]?.array ?? []
        #expect(tasks.count == ["several": 4][folder] ?? 1, "\(folder)")
        #expect(tasks.allSatisfy { $0["task_end_time"]?.double != nil }, "\(folder)")
      }
    }
  }
}
