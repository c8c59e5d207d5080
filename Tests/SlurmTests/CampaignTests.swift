import Glibc
import RecordText
import TestSupport
import Testing

extension OnSlurm {
  /// The report of a campaign says of each job, and of all together, what sacct says of them. The sums are the test's own.
  @Suite struct CampaignTests {
    private let fixture: SlurmFixture
    init() throws { fixture = try SlurmFixture() }

    private func conDuct(_ arguments: String...) async throws -> Finished {
      try await run(
        Programs.conDuct, arguments, in: fixture.sandbox, environment: fixture.testbed.environment)
    }

    private func orchestrator(_ script: String, _ prefix: String) async throws -> Finished {
      let run = ["--fail-time", "0", "--wait-jobs", "-p", prefix, "bash", script]
      return try await duct(
        run, in: fixture.sandbox,
        environment: fixture.testbed.environment.merging(["DUCT_CAMPAIGN": "night", "DUCT": Programs.duct]) {
          $1
        }, limit: 240)
    }

    /// The jobs in sacct, when it has all of them with their steps.
    private func accounted() async throws -> [SacctJob] {
      let ids = try fixture.sandbox.text("ids").split(separator: "\n").map(String.init)
      var jobs: [SacctJob] = []
      try await eventually(60) {
        jobs = try await SacctJob.all(ids, fixture)
        return jobs.allSatisfy(\.isComplete)
      }
      return jobs
    }

    private func report(_ options: [String] = []) async throws -> JSONValue {
      let made = try await run(
        Programs.conDuct, ["report", "--campaign", "night", "-o", "report.json"] + options + ["."],
        in: fixture.sandbox, environment: fixture.testbed.environment)
      #expect(made.code == 0 && made.stdout == "" && made.stderr == "", "\(made.stderr)")
      return try JSONParser.parse(fixture.sandbox.bytes("report.json"))
    }

    @Test func everyFigureIsThatOfSacct() async throws {
      try CampaignScripts.write(to: fixture.sandbox)
      async let second = orchestrator("pilots.sh", "second_")
      let first = try await orchestrator("failures.sh", "first_")
      #expect(try await (first.code, second.code) == (1, 0), "\(first.stderr)")
      let jobs = try await accounted()
      let forms = ["md", "txt", "html", "csv", "tsv"].flatMap { ["-o", "report.\($0)"] }
      let value = try await report(forms)
      let figures = CampaignFigures(jobs: jobs, report: value)
      figures.checkHead(
        verdict: "No: 25 of 60 jobs did not end well (1 with a failed step, 13 CANCELLED, 10 FAILED, "
          + "1 TIMEOUT), and 2 do not start. The command of run ./first_ ended with exit code 1.")
      #expect(value["last_end_time"]?.isNull == true)
      figures.checkRuns()
      figures.checkJobs()
      figures.checkTotals()
      figures.checkGroups()
      figures.checkAttention(uid: getuid())
      try checkOutputs(value)
      try checkForms(value)
      try await checkTheEnd()
    }

    /// What the jobs wrote last.
    private func checkOutputs(_ report: JSONValue) throws {
      for (name, words) in [
        "late": "DUE TO TIME LIMIT", "eats": "exceeded memory limit", "missing": "no-such-program: not found",
        "child": "Segmentation fault", "chain-2": "ValueError: no mesh",
      ] {
        let entry = try #require(
          report["attention"]?.array?.first { $0["title"]?.string?.contains("(\(name))") == true })
        let lines = entry["outputs"]?.array?.first?["lines"]?.array?.compactMap(\.string) ?? []
        #expect(lines.contains { $0.contains(words) }, "\(name): \(lines)")
      }
    }

    /// The other forms hold the same.
    private func checkForms(_ report: JSONValue) throws {
      for form in ["report.md", "report.txt", "report.html"] {
        let text = try fixture.sandbox.text(form)
        for entry in (report["attention"]?.array ?? []) + (report["cancelled_by_run"]?.array ?? []) {
          let title = try #require(entry["title"]?.string)
          #expect(text.contains(title), "\(title) in \(form)")
        }
        #expect(text.contains("No: 25 of 60 jobs did not end well"))
      }
      #expect(try fixture.sandbox.text("report.html").contains("<p class=\"verdict bad\">No: 25 of 60"))
      let lines = try fixture.sandbox.text("report.tsv").split(separator: "\n").map {
        $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      }
      let jobs = report["jobs"]?.array ?? []
      #expect(lines.count == jobs.count + 1)
      for (job, cells) in zip(jobs, lines.dropFirst()) {
        for (column, cell) in zip(lines[0], cells) {
          switch job[column] {
          case nil where ["run_prefix", "run_id", "campaign"].contains(column): #expect(cell != "")
          case nil: Issue.record("the column \(column) is not in JSON")
          case .null: #expect(cell == "", "\(column)")
          case .string(let text): #expect(cell == text)
          case .bool(let flag): #expect(cell == (flag ? "1" : "0"))
          case let number: #expect(Double(cell) == number?.double, "\(column)")
          }
        }
      }
      // No cell has a quote, and only causes have commas.
      let commas = try fixture.sandbox.text("report.csv").replacing("\"", with: "")
      let tabs = try fixture.sandbox.text("report.tsv").replacing("\t", with: ",")
      #expect(commas == tabs)
    }

    /// The jobs that do not start are cancelled by their ids; then the campaign is over.
    private func checkTheEnd() async throws {
      let ids = try await conDuct("jobs", "--state", "PENDING", "--ids", ".").stdout.split(separator: "\n")
      #expect(ids.count == 2)
      for id in ids { _ = try await fixture.tool("scancel", String(id)) }
      var jobs: [SacctJob] = []
      try await eventually(60) {
        jobs = try await accounted()
        return jobs.allSatisfy { $0.last.state != "PENDING" }
      }
      let value = try await report()
      let figures = CampaignFigures(jobs: jobs, report: value)
      figures.checkHead(
        verdict: "No: 27 of 60 jobs did not end well (1 with a failed step, 15 CANCELLED, 10 FAILED, "
          + "1 TIMEOUT). The command of run ./first_ ended with exit code 1.")
      figures.checkJobs()
      figures.checkTotals()
      #expect(
        value["last_end_time"]?.double == jobs.compactMap { $0.last.number("End") }.max().map(Double.init))
    }
  }
}
