import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

@Suite struct PublisherTests {
  private let sandbox: Sandbox
  private let notices = Monitor<[String]>([])

  init() throws { sandbox = try Sandbox() }

  private func publisher() throws -> Publisher {
    try Publisher { [notices] notice in
      notices.update {
        switch notice {
        case .began(let failure): $0.append("began \(failure.operation) \(failure.errno.name)")
        case .ended(_, let tries): $0.append("ended \(tries > 0)")
        }
      }
    }
  }

  @Test func appendsInOrderAndReplaces() throws {
    let publisher = try publisher()
    for index in 0..<500 { publisher.append(Array("\(index)\n".utf8), to: sandbox["log"]) }
    publisher.replace(sandbox["info"]) { Array("last".utf8) }
    #expect(publisher.finish(until: .now + 20) == [])
    #expect(try sandbox.text("log") == (0..<500).map { "\($0)\n" }.joined())
    #expect(try sandbox.text("info") == "last")
    #expect(publisher.events.isEmpty)
  }

  @Test func aFileThatWasThereIsCutToWhatIsOurs() throws {
    try sandbox.write("what another run has left, which is long", to: "log")
    let publisher = try publisher()
    publisher.append(Array("ours\n".utf8), to: sandbox["log"])
    #expect(publisher.finish(until: .now + 20) == [])
    #expect(try sandbox.text("log") == "ours\n")
  }

  @Test func whatCannotBeWrittenIsKeptAndDeliveredLater() async throws {
    let publisher = try publisher()
    publisher.append(Array("one\n".utf8), to: sandbox["later/log"])
    publisher.replace(sandbox["later/info"]) { Array("info".utf8) }
    try await eventually { notices.withLock { $0.count == 2 } }
    publisher.append(Array("two\n".utf8), to: sandbox["later/log"])
    try sandbox.makeDirectory("later")
    try await eventually { notices.withLock { $0.filter { $0 == "ended true" }.count == 2 } }
    #expect(publisher.finish(until: .now + 20) == [])
    #expect(try sandbox.text("later/log") == "one\ntwo\n")
    #expect(try sandbox.text("later/info") == "info")
    let events = publisher.events
    #expect(events.map(\.outcome) == [.delivered, .delivered])
    #expect(events.allSatisfy { $0.errnoName == "ENOENT" && $0.tries >= 3 && $0.bytesWaiting == 0 })
  }

  @Test func theEndNamesWhatIsLeft() throws {
    let publisher = try publisher()
    publisher.append(Array("lost\n".utf8), to: sandbox["never/log"])
    #expect(publisher.finish(until: .now + 20) == [sandbox["never/log"]])
    let event = try #require(publisher.events.first)
    #expect(event.outcome == .undelivered)
    #expect(event.bytesWaiting == 5)
    #expect(notices.withLock { $0 } == ["began open ENOENT"])
  }

  @Test func aDeadlineIsKept() throws {
    let publisher = try publisher()
    let gate = Monitor(false)
    publisher.replace(sandbox["slow"]) {
      _ = gate.wait(until: .now + 20) { $0 ? true : nil }
      return []
    }
    publisher.append([1], to: sandbox["behind"])
    let start = MonotonicInstant.now
    #expect(publisher.finish(until: .now + 0.05) == [sandbox["behind"]])
    #expect(MonotonicInstant.now.seconds(since: start) < 10)
    gate.update { $0 = true }
  }
}
