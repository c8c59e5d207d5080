import RecordText
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import SlurmJobs
@testable import SlurmClient

/// The client with helpers that misbehave in every way that a program can. SlurmTests shows that the real helper
/// answers.
@Suite struct SlurmHelperTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func ask(_ script: String, limit: Double = 20) throws -> Result<SlurmAnswer, SlurmFailure> {
    try sandbox.write("#!/bin/bash\n" + script, to: "helper", executable: true)
    return ask(sandbox["helper"], .ping, limit)
  }

  private func ask(_ program: FilePath, _ request: SlurmRequest, _ limit: Double) -> Result<
    SlurmAnswer, SlurmFailure
  > {
    let helper = SlurmHelper(program: program, children: ChildProcesses(reaping: .byWaiters))
    return Result { () throws(SlurmFailure) in try helper.ask(request, limit: limit) }
  }

  private func kind(_ result: Result<SlurmAnswer, SlurmFailure>) -> SlurmFailure.Kind? {
    if case .failure(let failure) = result { failure.kind } else { nil }
  }

  @Test func anAnswer() throws {
    let answer = try ask(#"read -r q; echo '{"jobs": [], "host_names": ["h"]}'"#).get()
    #expect(answer.hostNames == ["h"])
  }

  @Test func theRequestArrivesWhole() throws {
    let script =
      "read -r q; printf '%s' \"$q\" > \(sandbox["seen"].string); echo '{\"jobs\": [], \"host_names\": []}'"
    try sandbox.write("#!/bin/bash\n" + script, to: "helper", executable: true)
    let request = SlurmRequest.accountingJobs(ids: (0..<50_000).map { 1_000_000 + $0 }, cluster: "c")
    _ = try ask(sandbox["helper"], request, 60).get()
    #expect(try SlurmQuestion(json: sandbox.bytes("seen")).request == request)
  }

  @Test func absent() {
    let result = ask(sandbox["nowhere"], .ping, 5)
    #expect(kind(result) == .noHelper)
    #expect("\(result)".contains("ENOENT"))
  }

  @Test func dies() throws {
    #expect(try kind(ask("exit 3")) == .helperDied)
    #expect(try kind(ask("kill -SEGV $$")) == .helperDied)
    #expect(try kind(ask("read -r q; echo '{\"jobs\": []'; exit 1")) == .helperDied)
    #expect(try kind(ask("echo 'x: fatal: no configuration' >&2; exit 1")) == .noConfiguration)
  }

  private func failure(_ script: String) throws -> SlurmFailure? {
    if case .failure(let failure) = try ask("read -r q; " + script) { failure } else { nil }
  }

  private func slurmSays(_ words: String) throws -> SlurmFailure? {
    try failure(
      "echo '{\"jobs\": [], \"host_names\": [], \"failure\": {\"kind\": \"slurm\", \"message\": \"\(words)\", \"library_version\": \"22.05.8\"}}'"
    )
  }

  /// Messages of libslurm that mean that its release and slurmctld's are too far apart.
  @Test func releasesThatDoNotUnderstandEachOther() throws {
    let far = try slurmSays("slurm_ping: Insane message length")
    #expect(far?.kind == .otherRelease && far?.isOfLibrary == true)
    #expect(
      far?.message
        == "libslurm 22.05.8 and slurmctld do not understand each other (slurm_ping: Insane message length): their releases are too far apart"
    )
    let perhaps = try slurmSays("slurm_ping: Zero Bytes were transmitted or received")
    #expect(perhaps?.kind == .otherRelease && perhaps?.message.contains("may be too far apart") == true)
    #expect(try slurmSays("slurm_ping: Connection reset by peer")?.kind == .otherRelease)
    #expect(try slurmSays("slurm_ping: Connection refused")?.kind == .slurm)
  }

  /// Failures that mean that libslurm or its plugins do not fit.
  @Test func whatTheLibraryLacks() throws {
    let loader = try failure(
      "echo 'x: error while loading shared libraries: libslurm.so.38: no such file' >&2; exit 127")
    #expect(loader?.kind == .noHelper)
    #expect(loader?.message.hasSuffix("helper cannot be loaded: libslurm.so.38: no such file") == true)
    for end in [
      "exit 1",
      "echo '{\"jobs\": [], \"host_names\": [], \"failure\": {\"kind\": \"slurm\", \"message\": \"m\"}}'",
    ] {
      let plugins = try failure(
        "echo 'x: Incompatible Slurm plugin /p/auth_munge.so version (26.05.5)' >&2; \(end)")
      #expect(plugins?.kind == .wrongLibrary, "\(end)")
      let complaint = "host: Incompatible Slurm plugin /p/auth_munge.so version (26.05.5)"
      #expect(plugins?.message.hasSuffix(complaint) == true, "\(plugins?.message ?? "")")
    }
    // A valid answer counts, even if the helper also prints messages.
    #expect(
      try failure("echo 'Incompatible Slurm plugin p' >&2; echo '{\"jobs\": [], \"host_names\": []}'") == nil)
  }

  @Test func keepsWhatItSaidOnStandardError() throws {
    guard case .failure(let failure) = try ask("echo 'error: munged is down' >&2; exit 1") else {
      Issue.record("an answer came")
      return
    }
    #expect(failure.diagnostics == "error: munged is down\n")
  }

  @Test(arguments: ["echo rubbish", "echo '{\"jobs\": 5}'", "echo '[]'", "head -c 100000 /dev/urandom"])
  func rubbish(_ script: String) throws { #expect(try kind(ask(script)) == .rubbish) }

  @Test(arguments: ["sleep 600", "trap '' TERM; while :; do sleep 0.1; done", "yes", "exec >&-; sleep 600"])
  func hangs(_ script: String) throws {
    let start = MonotonicInstant.now
    #expect(try kind(ask(script, limit: 0.5)) == .timeout)
    #expect(MonotonicInstant.now.seconds(since: start) < 10)
    // No helper process is left, except what the shell itself started.
    #expect(sandbox.processes().allSatisfy { $0.name != "helper" })
  }

  @Test func errorsOfSlurmComeThrough() throws {
    let result = try ask(
      #"read -r q; echo '{"jobs": [], "host_names": [], "failure": {"kind": "slurm", "message": "down", "code": 1800}}'"#
    )
    #expect(kind(result) == .slurm)
    if case .failure(let failure) = result { #expect(failure.code == 1800) }
  }

  /// Another thread can cancel a question.
  @Test func aQuestionCanBeGivenUp() throws {
    try sandbox.write("#!/bin/bash\nsleep 600", to: "helper", executable: true)
    let helper = SlurmHelper(program: sandbox["helper"], children: ChildProcesses(reaping: .byWaiters))
    let failed = Monitor<SlurmFailure?>(nil)
    _ = try OwnThread("asker") {
      do throws(SlurmFailure) { _ = try helper.ask(.ping, limit: 300) } catch { failed.update { $0 = error } }
    }
    while failed.wait(until: .now + 0.02, for: { $0 }) == nil { helper.cancel() }
    #expect(failed.withLock { $0?.kind } == .helperDied)
  }

  @Test func requestsSurviveJSON() throws {
    let requests: [SlurmRequest] = [
      .jobsOfUser(uid: 7), .jobs(ids: [1, 2]), .accountingJobs(ids: [3], cluster: nil),
      .accountingJobs(ids: [3], cluster: "c", uid: 7),
      .accountingOfUser(uid: 7, since: 5, tags: ["duct-x", "duct-y"]),
      .accountingOfUser(uid: 7, since: 5, until: 9, tags: []), .configuration, .ping, .hostNames,
    ]
    for request in requests {
      for question in [SlurmQuestion(request), SlurmQuestion(request, limit: 2.5)] {
        #expect(try SlurmQuestion(json: question.jsonLine) == question)
      }
    }
    for text in [#"{"query": "delete_all"}"#, #"{"query": "jobs"}"#, "{}", "7"] {
      #expect(throws: Problem.self) { try SlurmQuestion(json: Array(text.utf8)) }
    }
  }
}
