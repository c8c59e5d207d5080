import SystemCalls
import TestSupport
import Testing

@testable import SlurmJobs
@testable import SlurmClient

/// A server that closes connections, as slurmctld of another release does in a quarter of all tries.
@Suite struct SlurmAccessTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// - Parameter losses: how many requests end with a closed connection before one gets `last`.
  private func ask(losses: Int, _ words: String, last: String) throws -> Result<SlurmAnswer, SlurmFailure> {
    func says(_ words: String) -> String {
      "'{\"jobs\": [], \"host_names\": [], \"failure\": {\"kind\": \"slurm\", \"message\": \"slurm_ping: \(words)\", \"library_version\": \"22.05.8\"}}'"
    }
    try sandbox.write(
      """
      #!/bin/bash
      read -r q
      echo >> "${0%/*}/asked"
      if [ $(grep -c "" "${0%/*}/asked") -le \(losses) ]; then echo \(says(words)); else echo \(last.isEmpty ? "'{\"jobs\": [], \"host_names\": [\"h\"]}'" : says(last)); fi
      """, to: "helper", executable: true)
    let children = ChildProcesses(reaping: .byWaiters)
    let access = SlurmAccess(
      by: .library, helper: SlurmHelper(program: sandbox["helper"], children: children),
      commands: SlurmCommands(environment: [], children: children), configuration: nil)
    return Result { () throws(SlurmFailure) in try access.ask(.ping, until: MonotonicInstant.now + 60) }
  }

  private static let closed = [
    "Connection reset by peer", "Broken pipe", "Zero Bytes were transmitted or received",
  ]

  @Test(arguments: closed) func anAnswerAfterLostConnections(_ words: String) throws {
    #expect(try ask(losses: 3, words, last: "").get().hostNames == ["h"])
  }

  @Test(arguments: closed) func theReasonAfterLostConnections(_ words: String) throws {
    let failure = #expect(throws: SlurmFailure.self) {
      try ask(losses: 3, words, last: "Insane message length").get()
    }
    #expect(failure?.kind == .otherRelease)
    #expect(failure?.message.hasSuffix("Insane message length): their releases are too far apart") == true)
  }

  /// If the server never says more, only the closed connection hints at the reason.
  @Test(arguments: closed) func onlyLostConnections(_ words: String) throws {
    let failure = #expect(throws: SlurmFailure.self) { try ask(losses: 1000, words, last: "").get() }
    #expect(failure?.kind == .otherRelease && failure?.isOfLibrary == true)
    #expect(failure?.message.hasSuffix("\(words)): their releases may be too far apart") == true)
    #expect(try sandbox.bytes("asked").count == 4)
  }
}
