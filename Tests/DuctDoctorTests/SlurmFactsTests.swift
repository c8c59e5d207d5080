import RecordText
import SlurmJobs
import Testing

@testable import DuctDoctor

/// What the doctor says of Slurm.
@Suite struct SlurmFactsTests {
  private func facts(_ change: (inout SlurmFacts, inout ClusterConfiguration) -> Void = { _, _ in })
    -> SlurmFacts
  {
    var facts = SlurmFacts()
    var settings = ClusterConfiguration()
    settings.clusterName = "c"
    settings.controllerVersion = "24.11.5"
    settings.libraryVersion = "24.11.5"
    settings.minJobAge = 300
    settings.processTracking = "proctrack/cgroup"
    settings.usageGatherer = "jobacct_gather/cgroup"
    settings.usageFrequency = "task=30,energy=60"
    settings.accountingStorage = "accounting_storage/slurmdbd"
    facts.configuration = "/etc/slurm/slurm.conf"
    facts.hasCommands = true
    facts.tag = .set(tag: "duct-x")
    facts.way = .library
    facts.accounting = .value(0, seconds: 0.01)
    change(&facts, &settings)
    if case .none = facts.controller { facts.controller = .value(settings, seconds: 0.02) }
    return facts
  }

  private func finding(
    _ check: String, _ change: (inout SlurmFacts, inout ClusterConfiguration) -> Void
  ) -> Finding? {
    let found = facts(change).findings
    for finding in found { #expect((finding.advice == nil) == (finding.level == .ok), "\(finding)") }
    return found.first { $0.check == check }
  }

  private let silent = SlurmFailure(.timeout, "no answer to ping within 10.0 s")

  @Test func nothingIsWrong() {
    let found = facts().findings
    #expect(found.allSatisfy { $0.level == .ok }, "\(found)")
    #expect(
      found.map(\.check) == [
        "configuration", "controller", "helper", "accounting", "tag", "min_job_age", "cgroups", "usage",
      ])
  }

  @Test func whereThereIsNone() {
    var facts = SlurmFacts()
    #expect(facts.findings.map(\.level) == [.note])
    facts.hasCommands = true
    facts.controller = .failure(SlurmFailure(.noConfiguration, "there is none"), seconds: 0)
    #expect(facts.findings.map(\.level) == [.note])
    facts.isWanted = true
    #expect(facts.findings.map(\.level) == [.warning])
    facts.hangs = true
    #expect(facts.findings.map(\.level) == [.warning])
    facts.isOff = true
    #expect(facts.findings.map(\.level) == [.note])
  }

  @Test func serversThatDoNotAnswer() {
    let silent = self.silent
    #expect(
      finding("controller") { facts, _ in facts.controller = .failure(silent, seconds: 10) }?.level
        == .warning)
    #expect(
      finding("accounting") { facts, _ in facts.accounting = .failure(silent, seconds: 10) }?.level
        == .warning)
    let without = finding("accounting") { facts, settings in
      facts.accounting = .failure(silent, seconds: 0)
      settings.accountingStorage = "accounting_storage/none"
    }
    #expect(without?.level == .note)
    let helper = finding("helper") { facts, _ in
      facts.helperFailure = SlurmFailure(.otherRelease, "too far apart")
      facts.way = .commands
    }
    #expect(helper?.level == .warning && helper?.text.contains("too far apart") == true)
    #expect(finding("helper") { facts, _ in facts.way = .commands }?.level == .ok)
    #expect(finding("tag") { facts, _ in facts.tag = .off(reason: "the site tracks wckeys") }?.level == .note)
  }

  @Test(arguments: [
    (0, true, Finding.Level.ok), (76, true, .ok), (75, true, .note), (2, true, .note), (75, false, .warning),
    (76, false, .ok),
  ])
  func ageOfJobs(_ age: Int, _ isAccounted: Bool, _ level: Finding.Level) {
    let silent = self.silent
    let found = finding("min_job_age") { facts, settings in
      settings.minJobAge = age
      if !isAccounted { facts.accounting = .failure(silent, seconds: 1) }
    }
    #expect(found?.level == level)
  }

  @Test(
    arguments: [
      ("30", Finding.Level.ok), ("0", .note), ("31", .note), ("task=15", .ok), ("network=1,task=120", .note),
      ("energy=5", .ok), (nil, .ok),
    ] as [(String?, Finding.Level)])
  func measuring(_ frequency: String?, _ level: Finding.Level) {
    #expect(finding("usage") { $1.usageFrequency = frequency }?.level == level)
    #expect(finding("usage") { $1.usageGatherer = "jobacct_gather/none" }?.level == .note)
    #expect(finding("cgroups") { $1.processTracking = "proctrack/linuxproc" }?.level == .note)
  }

  // MARK: The whole

  @Test func theWorstDecides() throws {
    func diagnosis(_ levels: [Finding.Level]) -> Diagnosis {
      let findings = levels.map {
        $0 == .ok
          ? Finding(.kernel, "x", ok: "fine\u{1b}") : Finding(.kernel, "x", $0, "odd\u{1b}", advice: "Do it")
      }
      return Diagnosis(host: "h", prefix: "/x_", findings: findings)
    }
    #expect(diagnosis([]).exitCode == 0 && diagnosis([.ok, .note]).exitCode == 0)
    #expect(diagnosis([.warning, .ok]).exitCode == 1 && diagnosis([.failure, .warning]).exitCode == 2)
    let text = diagnosis([.ok, .note, .warning, .failure]).text
    #expect(text.split(separator: "\n").count == 5 && !text.contains("\u{1b}"))
    #expect(text.hasSuffix("A run would not work here: 1 failure, 1 warning.\n"))
    let json = diagnosis([.ok, .warning]).jsonValue
    #expect(json["exit_code"] == 1 && json["level"] == "warning")
    #expect(json["findings"]?.array?.last?["advice"] == "Do it")
    #expect(json["findings"]?.array?.first?["advice"]?.isNull == true)
  }
}
