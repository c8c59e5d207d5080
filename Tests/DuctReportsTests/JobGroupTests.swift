import SlurmJobs
import Testing

@testable import DuctReports

@Suite struct JobGroupTests {
  private func rows(_ jobs: [JobRecord]) -> [JobRow] {
    JobRows([ReportSource(jobs, outputOwners: [])], runs: [nil]).rows
  }

  /// The values that numpy.quantile has for the same numbers.
  @Test func quartilesAreInterpolated() {
    let quartiles = Quartiles([4, 1, 10, 2])
    #expect(quartiles?.count == 4 && quartiles?.least == 1 && quartiles?.largest == 10)
    #expect(quartiles?.first == 1.75 && quartiles?.median == 3 && quartiles?.third == 5.5)
    #expect(Quartiles([7])?.third == 7)
    #expect(Quartiles([.nan, .infinity, 3])?.count == 1)
    #expect(Quartiles([]) == nil && Quartiles([.nan]) == nil)
  }

  /// Only some places are put in order.
  @Test func quartilesAreThoseOfSortedValues() {
    var dice = SystemRandomNumberGenerator()
    for count in [1, 2, 3, 4, 5, 8, 101, 5000] {
      for largest in [0, 1, 10, 1_000_000] {
        let random = (0..<count).map { _ in Double(Int.random(in: 0...largest, using: &dice)) }
        for values in [random, random.sorted(), random.sorted(by: >)] {
          let (quartiles, sorted) = (Quartiles(values), values.sorted())
          #expect(quartiles?.least == sorted.first && quartiles?.largest == sorted.last)
          #expect(quartiles?.first == Quartiles.quantile(0.25, ofSorted: sorted), "\(values.prefix(200))")
          #expect(quartiles?.median == Quartiles.quantile(0.5, ofSorted: sorted), "\(values.prefix(200))")
          #expect(quartiles?.third == Quartiles.quantile(0.75, ofSorted: sorted), "\(values.prefix(200))")
        }
      }
    }
  }

  @Test func jobsAreInAGroupOfEachKind() throws {
    var jobs = (1...4).map { job($0, $0 == 4 ? .failed : .completed, name: "prep", elapsed: 900 * Int($0)) }
    for index in jobs.indices {
      jobs[index].partition = "short"
      jobs[index].nodeList = index == 3 ? "n[1-2]" : "n1"
      jobs[index].submitLine = "sbatch --mem 4G -J prep prep.sh \(index)"
      if index < 2 { (jobs[index].arrayJobID, jobs[index].arrayTaskID) = (40, UInt32(index)) }
    }
    (jobs[0].cpuSeconds, jobs[1].cpuSeconds) = (900, 1800)
    let groups = JobGroups(rows(jobs)).groups
    #expect(groups.map(\.kind) == [.name, .array, .script, .partition, .node, .node])
    #expect(groups.map(\.key) == ["prep", "40", "prep.sh", "short", "n1", "n2"])
    #expect(groups.map(\.count) == [4, 2, 4, 4, 4, 1])
    #expect(groups.map(\.failed) == [1, 0, 1, 1, 1, 1])
    #expect(groups[0].failureShare == 0.25)
    // 2 CPUs, and 900, 1800, 2700 and 3600 s.
    #expect(groups[0].cpuHoursAllocated == 5)
    #expect(groups[0].elapsedSeconds?.median == 2250 && groups[0].elapsedSeconds?.first == 1575)
    #expect(groups[0].waitSeconds?.median == 600)
    #expect(groups[0].cpuUse?.count == 2 && groups[0].cpuUse?.median == 0.5)
    #expect(groups[0].memoryUse == nil)
  }

  /// Nodes are in the order of their failures.
  @Test func captionsTellTheOrder() {
    let jobs = (1...4).map { (id: UInt32) -> JobRecord in
      var one = job(id, id == 4 ? .failed : .completed, name: "prep", elapsed: id == 4 ? 1 : 3600)
      (one.nodeList, one.partition) = ("n\(id)", "p\(id)")
      return one
    }
    let report = CampaignReport([ReportSource(jobs, outputOwners: [])], problem: nil, .init(lines: 0))
    let tables = HTMLValues(report).values["group_tables"]?.array ?? []
    #expect(tables.compactMap { $0["groups"]?.array?.first?["key"]?.string } == ["prep", "p1", "n4"])
    #expect(
      tables.compactMap { $0["caption"]?.string } == [
        "Jobs by name, those with the most allocated CPU time first",
        "Jobs by partition, those with the most allocated CPU time first",
        "Jobs by node, those with the most failures first",
      ])
  }

  @Test func manyNamesThatDifferInNumbersAreOneGroup() {
    let few = (1...50).map { job($0, name: "sim_\($0)") }
    #expect(JobGroups(rows(few)).groups.count == 50)
    let many = (1...51).map { job($0, name: "sim_\($0)") } + [job(60, name: "plot")]
    #expect(JobGroups(rows(many)).groups.map(\.key) == ["sim_#", "plot"])
    #expect(JobGroups.folded("a1b22.5") == "a#b#.#")
  }

  @Test(
    arguments: [
      ("n1", ["n1"]), ("n[1-3]", ["n1", "n2", "n3"]), ("n[08-10,2],m", ["n08", "n09", "n10", "n2", "m"]),
      ("r[0-1]c[0-1]", ["r0c0", "r0c1", "r1c0", "r1c1"]), ("n[1-2]x,y", ["n1x", "n2x", "y"]),
    ])
  func nodesOfAList(_ list: String, _ names: [String]) { #expect(NodeNames.unfold(list) == names) }

  @Test(arguments: ["", "n[", "n]", "n[1-", "n[3-1]", "n[x]", "n[1-99999999]", "n[0-999]x[0-999]", "n[,]"])
  func whatIsNoListStaysAsItIs(_ list: String) {
    #expect(NodeNames.unfold(list) == nil)
    var names = NodeNames()
    #expect(names.names(in: list) == [list])
  }

  /// A record can hold any list.
  @Test func aListOfNodesIsNotUnfoldedWithoutBounds() {
    let zeros = String(repeating: "0", count: 11)
    let long = String(repeating: "x", count: 255)
    for list in [
      String(repeating: "n[1]", count: 6), "n[\(zeros)-\(zeros)1]", "\(long)y[1-2]", "n[+5]",
      String(repeating: "n1,", count: 1 << 15),
      // Without bounds, these two crashed the report, and took gigabytes.
      String(repeating: "n[1]", count: 500_000), "n[\(String(repeating: "0", count: 1 << 20))1-4000]",
    ] {
      #expect(NodeNames.unfold(list) == nil, "\(list.prefix(40))")
    }
    #expect(NodeNames.unfold("\(long)[0000000001]") == [long + "0000000001"])
    #expect(NodeNames.unfold(String(repeating: "n[1]", count: 5)) == ["n1n1n1n1n1"])
  }

  /// Each of many jobs can name other nodes.
  @Test func allListsTogetherHaveABound() {
    var names = NodeNames()
    let made = (0..<400).reduce(0) { $0 + names.names(in: "a\($1)n[1-4096]").count }
    #expect(made < 1_100_000)
    #expect(names.names(in: "z[1-4096]") == ["z[1-4096]"] && names.names(in: "z7") == ["z7"])
  }

  @Test func equalNamesOfTwoClustersStayApart() {
    let jobs = ["c1", "c2", "c1"].enumerated().map { index, cluster in
      var one = job(UInt32(index) + 42, name: "prep")
      (one.cluster, one.nodeList, one.arrayJobID, one.arrayTaskID) = (cluster, "n1", 41, UInt32(index))
      return one
    }
    let groups = JobGroups(rows(jobs)).groups
    #expect(groups.map(\.kind) == [.name, .array, .array, .node, .node])
    #expect(groups.map(\.count) == [3, 2, 1, 2, 1])
  }

  @Test(
    arguments: [
      ("sbatch a.sh", "a.sh"), ("sbatch -J x -n 4 --mem=4G run/a.sh 1 2", "run/a.sh"),
      ("/usr/bin/sbatch --array 0-9 --parsable a.sh", "a.sh"), ("sbatch -vQ -n4 a.sh", "a.sh"),
      ("sbatch -vn 4 a.sh", "a.sh"), ("srun -N 2 ./solve x", "./solve"), ("sbatch --wrap sleep 5", nil),
      ("sbatch --wrap=hostname", nil), ("sbatch -J two words --wrap exit 1", nil),
      ("sbatch -J  --wrap exit 1", nil),
      ("sbatch -", nil), ("sbatch", nil), ("salloc -n 1 bash", nil),
      ("", nil), ("sbatch -W --part debug a.sh", "a.sh"), ("sbatch --foo bar a.sh", nil),
      ("sbatch --foo=bar a.sh", "a.sh"), ("sbatch -- a.sh", "a.sh"), ("sbatch --wra x", nil),
      ("srun -W 60 --mpi pmix -l ./solve x", "./solve"), ("srun --pty --overlap -T 2 bash", "bash"),
      ("sbatch -n1 : --mem=60M -J b a.sh x", "a.sh"), ("sbatch -n1 : -n2 : -n4 a.sh", "a.sh"),
      ("sbatch -n1 : --mem=60M", nil), ("sbatch -n1 : --foo bar a.sh", nil), ("sbatch -n1 :", nil),
      ("srun --label -n4 -- ./solve", "./solve"), ("srun -lun 4 ./solve", "./solve"),
    ])
  func scriptOfASubmitLine(_ line: String, _ script: String?) {
    #expect(ScriptNames.script(in: line) == script)
  }
}
