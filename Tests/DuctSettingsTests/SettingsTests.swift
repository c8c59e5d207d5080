import RecordText
import SlurmJobs
import SystemCalls
import TestSupport
import Testing

@testable import DuctSettings
@testable import DuctRecords

@Suite struct SettingsTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func surroundings(_ environment: [String: String]) -> Surroundings {
    let all = ["DUCT_CONFIG_PATHS": "/nonexistent", "HOME": "/home/me"].merging(environment) { $1 }
    return Surroundings(entries: all.map { Array("\($0.key)=\($0.value)".utf8) })
  }

  private func settings(
    _ environment: [String: String] = [:], _ given: [String: String] = [:], command: String? = "true"
  ) throws -> RunSettings {
    var options = RunOptions()
    options.command = command.map { [Array($0.utf8)] } ?? []
    for (name, text) in given { options.add(text, to: try #require(RunOption.index(of: name))) }
    return try RunSettings(options, surroundings(environment))
  }

  @Test func defaultsOfConDuct() throws {
    let settings = try settings()
    #expect(settings.logLevel == .info)
    #expect(settings.outputPrefix == nil)
    #expect(settings.sampleInterval == 1)
    #expect(settings.reportInterval == 60)
    #expect(settings.failTime == 3)
    #expect(settings.captureOutputs == .all)
    #expect(settings.outputs == .all)
    #expect(settings.recordTypes == .all)
    #expect(settings.mode == .newSession)
    #expect(settings.message == "")
    #expect(!settings.colors && !settings.clobber)
  }

  @Test func everyVariableIsRead() throws {
    let settings = try settings([
      "DUCT_LOG_LEVEL": "debug", "DUCT_OUTPUT_PREFIX": "~/x_", "DUCT_SUMMARY_FORMAT": "{exit_code}",
      "DUCT_COLORS": "1",
      "DUCT_SAMPLE_INTERVAL": "0.5", "DUCT_REPORT_INTERVAL": "2", "DUCT_FAIL_TIME": "-1",
      "DUCT_CAPTURE_OUTPUTS": "stderr",
      "DUCT_OUTPUTS": "none", "DUCT_MESSAGE": "why", "DUCT_CAMPAIGN": "c", "DUCT_SLURM": "off",
      "DUCT_SLURM_TAG": "off",
      "DUCT_SLURM_TIMEOUT": "4", "DUCT_SLURM_BY": "library", "DUCT_SLURM_DETECT": "tag, output",
      "DUCT_FINALIZE_TIMEOUT": "5",
    ])
    #expect(settings.logLevel == .debug)
    #expect(settings.outputPrefix == "/home/me/x_")
    #expect(settings.colors)
    #expect(settings.sampleInterval == 0.5 && settings.reportInterval == 2 && settings.failTime == -1)
    #expect(settings.captureOutputs == .stderr && settings.outputs == .none)
    #expect(settings.message == "why" && settings.campaign == "c")
    #expect(settings.slurm == .off && settings.slurmTag == .off && settings.slurmTimeout == 4)
    #expect(settings.slurmBy == .library)
    #expect(settings.slurmDetect == [.tag, .output])
    #expect(settings.finalizeTimeout == 5)
  }

  @Test func theCommandLineWinsOverTheEnvironmentAndThatOverFiles() throws {
    try sandbox.write("DUCT_MESSAGE=first\nDUCT_FAIL_TIME=1\nDUCT_REPORT_INTERVAL=70\n", to: "first.env")
    try sandbox.write("DUCT_MESSAGE=second\nDUCT_CAMPAIGN=${DUCT_MESSAGE}-${HOME}\n", to: "second.env")
    let paths = "\(sandbox["first.env"].string): ${NOWHERE:-\(sandbox.path.string)}/second.env :/no/such.env"
    let environment = ["DUCT_CONFIG_PATHS": paths, "DUCT_FAIL_TIME": "2"]
    #expect(try settings(environment).message == "second")
    #expect(try settings(environment).failTime == 2)
    #expect(try settings(environment).reportInterval == 70)
    #expect(try settings(environment).campaign == "second-/home/me")
    let given = try settings(environment, ["--message": "", "--fail-time": "3"])
    #expect(given.message == "")
    #expect(given.failTime == 3)
  }

  @Test func filesThatCannotBeUsedAreToldOf() throws {
    try sandbox.write("A=1\nnot a statement here\nDUCT_MESSAGE=m\nnor here\n", to: "odd.env")
    let bytes = sandbox["bytes.env"]
    try sandbox.write([0x41, 0x3D, 0xFF], to: "bytes.env")
    let found = surroundings([
      "DUCT_CONFIG_PATHS": "\(sandbox["odd.env"].string):\(bytes.string):\(sandbox.path.string)"
    ])
    #expect(found["DUCT_MESSAGE"] == "m")
    #expect(
      found.notes.contains {
        $0.level == .warning && $0.text.contains("line 2 of ") && $0.text.contains(", and 1 more: ")
      })
    #expect(found.notes.contains { $0.level == .warning && $0.text.contains("not UTF-8") })
  }

  @Test(
    "Bad values are told by the name they came with",
    arguments: [
      (["DUCT_SAMPLE_INTERVAL": "x"], "DUCT_SAMPLE_INTERVAL"),
      (["DUCT_SAMPLE_INTERVAL": "0"], "DUCT_SAMPLE_INTERVAL"),
      (["DUCT_SAMPLE_INTERVAL": "1e-10"], "DUCT_SAMPLE_INTERVAL: 1e-10 s is too short"),
      (["DUCT_REPORT_INTERVAL": "0.0009"], "DUCT_REPORT_INTERVAL"),
      (["DUCT_FAIL_TIME": "nan"], "DUCT_FAIL_TIME"), (["DUCT_SLURM_TIMEOUT": "inf"], "DUCT_SLURM_TIMEOUT"),
      (["DUCT_FINALIZE_TIMEOUT": "-1"], "DUCT_FINALIZE_TIMEOUT: a time cannot be negative"),
      (["DUCT_REPORT_INTERVAL": "nan"], "DUCT_REPORT_INTERVAL"), (["DUCT_FAIL_TIME": ""], "DUCT_FAIL_TIME"),
      (["DUCT_LOG_LEVEL": "loud"], "DUCT_LOG_LEVEL"),
      (["DUCT_CAPTURE_OUTPUTS": "both"], "DUCT_CAPTURE_OUTPUTS"),
      (["DUCT_SUMMARY_FORMAT": "{nope}"], "DUCT_SUMMARY_FORMAT"),
      (["DUCT_SLURM_DETECT": "guess"], "DUCT_SLURM_DETECT"),
      (["DUCT_SAMPLE_INTERVAL": "61"], "--report-interval"), (["DUCT_SLURM": "maybe"], "DUCT_SLURM"),
    ])
  func refuses(_ environment: [String: String], _ name: String) {
    #expect { try settings(environment) } throws: { "\($0)".contains(name) && !"\($0)".contains("\n") }
  }

  @Test func timesAtTheirLimits() throws {
    #expect(try settings(["DUCT_FAIL_TIME": "inf"]).failTime == .infinity)
    #expect(try settings([:], ["--fail-time": "inf"]).failTime == .infinity)
    #expect(try settings([:], ["--sample-interval": "0.001"]).sampleInterval == 0.001)
    // On a local disk duct writes the records within this time.
    #expect(try settings([:], ["--finalize-timeout": "-0.0"]).finalizeTimeout == 0.2)
  }

  /// A combining accent joins with the character before it in a Swift string. Paths and variables must still split
  /// there.
  @Test func anAccentAtTheStartIsNoPartOfWhatStandsBefore() throws {
    let found = surroundings(["X": "\u{301}", "DUCT_CONFIG_PATHS": "/none:\u{301}/x"])
    #expect(found.expandHome("~/\u{301}x") == "/home/me/\u{301}x")
    #expect(expandVariables("${X}\u{301}${Y:-\u{301}}") { found.environment[$0] } == "\u{301}\u{301}\u{301}")
  }

  @Test func noCommandIsAnError() {
    #expect(throws: UsageError.self) { try settings(command: nil) }
  }

  // MARK: Prefix

  private func paths(_ template: String, _ environment: [String: String] = [:]) throws -> String {
    try LogPrefix.paths(
      template: template, start: WallTime(seconds: 0), host: "login1.site", environment: environment
    ).prefix
  }

  @Test func namesInThePrefix() throws {
    let stamp = WallTime(seconds: 0).text(format: "%Y.%m.%dT%H.%M.%S")
    #expect(try paths("a/{datetime}-x") == "a/\(stamp)-x")
    #expect(try paths("{datetime_filesafe}") == stamp)
    #expect(try paths("{hostname}/{user}", ["USER": "me"]) == "login1.site/me")
    let slurm = ["SLURM_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "3", "SLURM_PROCID": "0"]
    #expect(try paths("{slurm_job_id}_{slurm_array_task_id}_{slurm_procid}", slurm) == "12_3_0")
    #expect(try paths("{slurm_job_id}") == "none")
    #expect(try paths("{{x}}{pid:>9}").hasPrefix("{x}"))
  }

  @Test(arguments: ["{foo}", "{", "}", "{}", "{0}", "a\u{0}b"])
  func badPrefixes(_ template: String) { #expect(throws: UsageError.self) { try paths(template) } }

  @Test func anOutputPrefixMayBeBytes() throws {
    let odd = String(escaping: [0x61, 0xFF])
    #expect(try LogPaths(prefix: paths(odd)).stdout.originalBytes == [0x61, 0xFF] + Array("stdout".utf8))
  }
}
