import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage
import TestSupport
import Testing
@testable import SlurmClient

extension OnSlurm {
  /// Asks libslurm and Slurm's own commands about the same jobs, and compares the answers member by member. This
  /// suite and docs/slurm.md name what may differ.
  @Suite struct WaysTests {
    private let fixture: SlurmFixture
    private let helper: SlurmHelper
    private let commands: SlurmCommands

    init() throws {
      fixture = try SlurmFixture()
      let children = ChildProcesses(reaping: .byWaiters)
      helper = SlurmHelper(program: FilePath(Programs.slurmHelper), children: children)
      // Variables that a user may have set, and that would change what the commands print.
      let odd = ["SQUEUE_FORMAT=%i", "SQUEUE_STATES=PD", "SACCT_FORMAT=jobid", "SLURM_TIME_FORMAT=relative"]
      commands = SlurmCommands(
        environment: environmentEntries() + odd.map { Array($0.utf8) }, children: children)
    }

    /// Every kind of job, each brought as far as possible. The names tell the jobs apart.
    private let script = #"""
      set -e
      sbatch -J plain -t 5 -n 2 --mem=100 -o out-%j-%x.txt -e /dev/null --wckey=duct-ways \
        --wrap 'srun sleep 1; exit 3'
      sbatch -J fine --wrap true
      sbatch -J killed --wrap 'kill -9 $$'
      sbatch -J $'odd\xff "na|me"\n,\x1f \'x $\t\\' --comment x --wrap true
      sbatch -J ended -t 1-02:03:00 --wrap 'sleep 300'
      sbatch -J running -t 0 --wrap 'sleep 300'
      sbatch -J paused --wrap 'sleep 300'
      sbatch -J resumed --wrap 'sleep 300'
      sbatch -J again --requeue --wrap 'sleep 300'
      sbatch -J held -H --wckey=duct-ways -o held-%A-%a-%j.txt --wrap true
      sbatch -J dropped -H --wrap true
      waiting=$(sbatch --parsable -J waiting -d afterok:$(sbatch --parsable -J fails --wrap 'exit 1') --wrap true)
      sbatch -J later -d after:$waiting --wrap true
      sbatch -J tasks -H --array=1,5-70:3%2 --wrap true
      sbatch -J named -H --array=1-2 -o tasks-%A_%a.txt -e tasks-%x-%a.err --wrap true
      sbatch -J one --array=4,6 --wrap 'exit $((SLURM_ARRAY_TASK_ID == 6))'
      sbatch -J het -n 1 : -n 2 --wrap true
      srun -J direct true 2>/dev/null
      for name in ended paused resumed again; do
        until [ "$(squeue -h -n $name -t R | wc -l)" = 1 ]; do sleep 0.2; done
      done
      id() { squeue -h -n $1 -o %A; }
      scancel -n ended; scancel -n dropped
      scontrol suspend $(id paused); scontrol suspend $(id resumed); scontrol requeue $(id again)
      until [ "$(squeue -h -t S -n paused,resumed | wc -l)" = 2 ]; do sleep 0.2; done
      scontrol resume $(id resumed)
      """#

    @Test func bothWaysTellTheSame() async throws {
      let names = "ended,running,paused,resumed,again,held,waiting,later,tasks,named"
      defer { for name in names.split(separator: ",") { system("scancel -n \(name) 2>/dev/null") } }
      let begin = time(nil)
      let made = try await run(
        "bash", ["-c", script], in: fixture.sandbox, environment: fixture.testbed.environment)
      #expect(made.code == 0, "\(made.stderr)")
      let all = SlurmRequest.jobsOfUser(uid: getuid())
      try await eventually(60) {
        let jobs = try helper.ask(all, limit: 20).jobs.map(\.record)
        let settled = ["plain", "fine", "killed", "ended", "fails", "one", "het"]
        return jobs.allSatisfy { !$0.stateFlags.contains(JobStateFlag.completing) }
          && settled.allSatisfy { name in jobs.contains { $0.name == name } }
          && jobs.allSatisfy { !settled.contains($0.name ?? "") || $0.hasEnded }
      }
      // squeue prints the allocated resources in place of the requested ones.
      // From 25.11 on slurmctld reports the submit line, but squeue does not print it.
      let untold: Set = ["tres_requested", "memory_requested_bytes", "submit_line"]
      try compare(all, since: begin, differing: untold)
      let jobs = try helper.ask(all, limit: 20).jobs.map(\.record).filter { ($0.submitTime ?? 0) >= begin }
      let ids = Set(jobs.compactMap { $0.arrayJobID ?? $0.hetJobID ?? $0.jobID }).sorted()
      // slurmctld reports the start of jobs to slurmdbd every five seconds.
      try await eventually(30) {
        let told = try helper.ask(.accountingJobs(ids: ids, cluster: nil), limit: 20).jobs.map(\.record)
        let states = Dictionary(told.map { ($0.jobID, $0.state) }, uniquingKeysWith: { $1 })
        return told.allSatisfy { $0.partition != nil && $0.submitLine != nil && $0.tresRequested != nil }
          && jobs.allSatisfy { $0.arrayTasks != nil || states[$0.jobID] == $0.state }
      }
      for id in ids { try compare(.jobs(ids: [id]), since: begin, differing: untold) }
      try compare(.jobs(ids: ids.suffix(5) + [4_000_000]), since: begin, differing: untold)
      try compare(.accountingJobs(ids: ids, cluster: nil), since: begin)
      try compare(.accountingJobs(ids: ids, cluster: "testbed", uid: getuid()), since: begin)
      // sacct does not find a job that never started by its tag; it must be asked for the job's id.
      try compare(
        .accountingOfUser(uid: getuid(), since: begin - 60, tags: ["duct-none", "duct-ways"]), since: begin,
        without: ["held"]
      )
      try compare(.accountingJobs(ids: ids, cluster: "elsewhere"), since: begin)
      #expect(try commands.ask(.jobs(ids: [4_000_000]), limit: 20).jobs == [])
      #expect(try commands.ask(.accountingJobs(ids: [4_000_000], cluster: nil), limit: 20).jobs == [])
      #expect(try commands.ask(.accountingJobs(ids: [], cluster: nil), limit: 20).jobs == [])
    }

    @Test func theClusterAndThisHost() throws {
      var configuration = try #require(try helper.ask(.configuration, limit: 20).configuration)
      // The version of libslurm, which the commands do not print.
      configuration.libraryVersion = nil
      #expect(try commands.ask(.configuration, limit: 20).configuration == configuration)
      #expect(try commands.ask(.ping, limit: 20).configuration?.controllerIsUp == true)
      let names = try helper.ask(.hostNames, limit: 20).hostNames
      #expect(try commands.ask(.hostNames, limit: 20).hostNames == names)
    }

    @Test func aLongValueIsNotCut() async throws {
      let name = String(repeating: "long name ", count: 90)
      let folder = String(repeating: "d", count: 200)
      try fixture.sandbox.makeDirectory("\(folder)")
      let path = fixture.sandbox[folder].string
      let held = try await fixture.tool("sbatch", "--parsable", "-H", "--wrap", "true").trimmed
      let on = Array(repeating: "after:\(held)", count: 40).joined(separator: ",")
      let id = try #require(
        UInt32(
          try await fixture.tool(
            "sbatch", "--parsable", "-H", "-J", name, "-D", path, "-d", on, "--array=1-999:2", "--wrap",
            "true"
          ).trimmed))
      let request = SlurmRequest.jobs(ids: [id])
      let (library, other) = (try helper.ask(request, limit: 20), try commands.ask(request, limit: 20))
      _ = try await fixture.tool("scancel", "\(id)", held)
      #expect(library.jobs.count == 1 && library.jobs[0].record.name?.count == 900)
      var (tasks, others) = (library.jobs.flatMap(\.unfolded), other.jobs.flatMap(\.unfolded))
      // squeue does not print the submit line.
      for index in tasks.indices { tasks[index].submitLine = nil }
      for index in others.indices { others[index].submitLine = nil }
      #expect(tasks.count == 500 && tasks == others)
    }

    /// - Parameters:
    ///   - differing: members that the commands do not report; resources only of jobs that have started.
    ///   - without: names of jobs that the commands do not find.
    private func compare(
      _ request: SlurmRequest, since begin: Int, differing: Set<String> = [], without: Set<String> = []
    ) throws {
      // A job of an earlier test can change between two questions: then both are asked again.
      var (library, other) = (try helper.ask(request, limit: 30), try commands.ask(request, limit: 30))
      var later = try helper.ask(request, limit: 30)
      for _ in 0..<10 where members(library, begin) != members(later, begin) {
        (library, other) = (try helper.ask(request, limit: 30), try commands.ask(request, limit: 30))
        later = try helper.ask(request, limit: 30)
      }
      #expect(library.askedBy == .library && other.askedBy == .commands)
      let expected = members(library, begin).filter { !without.contains($0.value["name"]?.string ?? "") }
      let found = members(other, begin)
      if request.name == "jobs_of_user" { #expect(expected.count > 40) }
      #expect(expected.keys.sorted() == found.keys.sorted(), "\(request.name)")
      for (id, job) in expected {
        for (member, value) in job {
          let told = found[id]?[member] ?? .null
          let ofStarted = member == "tres_requested" || member == "memory_requested_bytes"
          if differing.contains(member), told.isNull, !ofStarted || job["start_time"]?.isNull == false {
            continue
          }
          if isEqual(member, value, told) { continue }
          Issue.record(
            "\(request.name), job \(id): \(member) is \(value) by the library, \(told) by the commands")
        }
      }
    }

    private func isEqual(_ member: String, _ left: JSONValue, _ right: JSONValue) -> Bool {
      // sacct prints thousandths of a second for each step. A running job's elapsed time grows between the two
      // queries.
      let tolerances: [String: Double] = ["cpu_seconds": 0.01, "elapsed_seconds": 2]
      // sacct subtracts 128 from the exit code that a shell uses for a signal.
      if member == "exit_code", let a = left.double, let b = right.double, a == b + 128 { return true }
      if member == "runs" {
        return (left.array ?? []).map(withoutTime) == (right.array ?? []).map(withoutTime)
      }
      guard let a = left.double, let b = right.double, let tolerance = tolerances[member] else {
        return left == right
      }
      return abs(a - b) <= tolerance
    }

    /// A run of a requeued job, without the members that differ: sacct prints thousandths of a second of CPU time
    /// for each step, and other exit codes (see above).
    private func withoutTime(_ run: JSONValue) -> [String: JSONValue] {
      guard case .object(let members) = run else { return [:] }
      return Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) }).filter {
        $0.key != "cpu_seconds" && $0.key != "exit_code"
      }
    }

    /// All members of a job's record, and what job detection reads, by the job's id as squeue shows it.
    private func members(_ answer: SlurmAnswer, _ begin: Int) -> [String: [String: JSONValue]] {
      var jobs: [String: [String: JSONValue]] = [:]
      for folded in answer.jobs where (folded.record.submitTime ?? 0) >= begin {
        for record in folded.unfolded {
          var job = folded
          job.record = record
          job.outputPaths = nil
          guard case .object(let outer)? = try? JSONParser.parse(job.jsonLine),
            case .object(let inner)? = outer["record"]
          else { continue }
          var members = Dictionary(uniqueKeysWithValues: inner.map { ($0.key, $0.value) })
          for (name, value) in outer where name != "record" { members[name] = value }
          #expect(jobs.updateValue(members, forKey: job.record.displayID) == nil)
        }
      }
      return jobs
    }
  }
}
