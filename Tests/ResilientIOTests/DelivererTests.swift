import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// A growing source in memory.
final class MemorySource: GrowingSource {
  private let state: Monitor<(bytes: [UInt8], isComplete: Bool, proven: Int, failures: Int, released: Int)>

  init(_ text: String = "") { state = Monitor((Array(text.utf8), false, 0, 0, 0)) }

  /// Makes the bytes before `offset` unreadable.
  func release(upTo offset: Int) { state.update { $0.released = offset } }
  var firstReadable: Int { state.withLock { $0.released } }
  func nextReadable(behind position: Int) -> Int { max(position + 1, firstReadable) }

  func add(_ text: String) { state.update { $0.bytes += Array(text.utf8) } }
  func complete() { state.update { $0.isComplete = true } }
  var proven: Int { state.withLock { $0.proven } }
  var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }

  var readableLength: Int { state.withLock { $0.bytes.count } }
  var isComplete: Bool { state.withLock { $0.isComplete } }
  func prove(upTo length: Int) { state.update { $0.proven = length } }
  /// A write for this source failed, so its deliverer pauses.
  func noteFailure() { state.update { $0.failures += 1 } }
  var failures: Int { state.withLock { $0.failures } }

  /// Waits until all bytes are proven, or until there are more than `known` failures.
  func waitForDeliverer(beyond known: Int) -> Bool {
    state.wait(until: .now + 20) { state -> Bool? in
      state.proven == state.bytes.count || state.failures > known ? true : nil
    } ?? false
  }

  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    state.withLock { state in
      if offset < state.released { return 0 }
      let part = state.bytes.dropFirst(offset).prefix(buffer.count)
      part.withUnsafeBytes { buffer.copyMemory(from: $0) }
      return part.count
    }
  }
}

@Suite struct DelivererTests {
  private let sandbox: Sandbox
  private let notices = Monitor<[String]>([])

  init() throws { sandbox = try Sandbox() }

  private func deliverer(makesDirectories: Bool = false, credentials: CredentialCache? = nil) throws
    -> Deliverer
  {
    try Deliverer(runID: "run", credentials: credentials, makesDirectories: makesDirectories) {
      [notices] notice in
      notices.update {
        switch notice {
        case .began(let failure): $0.append("began \(failure.operation) \(failure.errno.name)")
        case .ended(let tries, _): $0.append("ended \(tries > 0)")
        case .displaced: $0.append("displaced")
        case .restored(_, let missing): $0.append("restored \(missing)")
        case .lost(_, let bytes): $0.append("lost \(bytes)")
        case .eventsHaveChanged: break
        }
      }
    }
  }

  private var told: [String] { notices.withLock { $0 } }

  /// An earlier process was killed after it had begun a file to which this one has nothing to deliver.
  @Test func whatAnEarlierProcessHasOnlyBegunIsRemoved() throws {
    let ours = [".file.run.0.tmp", ".file.run.7.tmp", ".record.run.1.tmp"]
    let others = ["file", ".file.other.0.tmp", ".file.run.0.tmp.txt"]
    try sandbox.makeDirectory("logs")
    for name in ours + others { try sandbox.write("", to: "logs/\(name)") }
    let deliverer = try deliverer(makesDirectories: true)
    for name in ["logs/file", "logs/record", "absent/file"] {
      deliverer.know(sandbox[name], by: NotedTarget(), isSuccessor: true)
    }
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(sandbox.names("logs").sorted() == others.sorted())
    #expect(!sandbox.exists("absent"))
  }

  /// A directory that does not answer may have such a file.
  @Test func aDirectoryThatCannotBeCleanedIsTold() throws {
    let deliverer = try deliverer()
    try sandbox.write("", to: "plain")
    deliverer.know(sandbox["plain/file"], by: NotedTarget(), isSuccessor: true)
    let leftovers = deliverer.finish(until: .now + 20)
    #expect(leftovers.map(\.path) == [sandbox["plain/file"]])
    #expect(leftovers.first?.failure?.contains("ENOTDIR") == true, "\(leftovers)")
  }

  /// The files of a run that is removed are not created once more, not even for a moment.
  @Test func whatWaitsIsDroppedWhenItIsAbandoned() async throws {
    let deliverer = try deliverer()
    deliverer.replace(sandbox["first"]) { Array("1".utf8) }
    try await eventually { sandbox.exists("first") }
    deliverer.deliver(MemorySource("text"), to: sandbox["later"], afterPause: 60)
    #expect(deliverer.abandon(until: .now + 20))
    #expect(sandbox.names() == ["first"])
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(sandbox.names() == ["first"])
  }

  @Test func carriesWhatGrowsAndReplaces() throws {
    let deliverer = try deliverer()
    let source = MemorySource()
    for index in 0..<500 {
      source.add("\(index)\n")
      deliverer.deliver(source, to: sandbox["log"])
    }
    deliverer.replace(sandbox["info"]) { Array("last".utf8) }
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(try sandbox.text("log") == source.text)
    #expect(try sandbox.text("info") == "last")
    #expect(source.proven == source.readableLength)
    #expect(deliverer.events.isEmpty && told.isEmpty)
  }

  @Test func anEmptySourceStillHasItsFile() throws {
    let deliverer = try deliverer(makesDirectories: true)
    deliverer.deliver(MemorySource(), to: sandbox["deep/er/log"])
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(try sandbox.text("deep/er/log") == "")
  }

  /// A file that is not the run's stays as it is. The run's own file is delivered beside it.
  @Test func aFileOfAnotherIsLeftAlone() throws {
    try sandbox.write("another's", to: "log")
    try sandbox.write("another's too", to: "info")
    let deliverer = try deliverer()
    deliverer.deliver(MemorySource("ours\n"), to: sandbox["log"])
    deliverer.replace(sandbox["info"]) { Array("our info".utf8) }
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(try sandbox.text("log") == "another's")
    #expect(try sandbox.text("log.run") == "ours\n")
    #expect(try sandbox.text("info") == "another's too")
    #expect(try sandbox.text("info.run") == "our info")
    #expect(deliverer.place(of: sandbox["log"]) == sandbox["log.run"])
    #expect(told == ["displaced", "displaced"])
  }

  /// `take` takes over a file that another run owns, but only once: a later replacement of it is left alone.
  @Test func aNameThatIsTakenIsOursOnce() async throws {
    try sandbox.write("another's", to: "log")
    try sandbox.write("another's too", to: "info")
    let deliverer = try deliverer()
    let source = MemorySource("ours\n")
    for name in ["log", "info"] { deliverer.take(sandbox[name]) }
    deliverer.deliver(source, to: sandbox["log"])
    deliverer.replace(sandbox["info"]) { Array("our info".utf8) }
    try await eventually { source.proven == 5 }
    try await eventually { try sandbox.text("info") == "our info" }
    #expect(try sandbox.text("log") == "ours\n" && told == [])
    for name in ["log", "info"] {
      try sandbox.write("a third's", to: "new")
      rename(sandbox["new"].string, sandbox[name].string)
    }
    source.add("more\n")
    deliverer.deliver(source, to: sandbox["log"])
    deliverer.replace(sandbox["info"]) { Array("our info".utf8) }
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(try sandbox.text("log") == "a third's" && sandbox.text("info") == "a third's")
    #expect(try sandbox.text("log.run") == "ours\nmore\n")
    #expect(told == ["displaced", "displaced"])
  }

  @Test func whatIsSaidAtTheLastCloseIsHeard() throws {
    let keyExpired = Errno(rawValue: EKEYEXPIRED)
    try CallDriver.withMocking({ $0.name == "close" && $0.number == 1 ? .fails(keyExpired) : nil }) {
      driver in
      let deliverer = try deliverer()
      let source = MemorySource("one\n")
      deliverer.deliver(source, to: sandbox["log"])
      // All bytes are proven.
      #expect(source.waitForDeliverer(beyond: 0))
      #expect(driver.count("close") == 0)
      #expect(deliverer.finish(until: .now + 20) == [])
      #expect(driver.count("close") == 2)
    }
    #expect(try sandbox.text("log") == "one\n")
  }

  @Test func whatCannotBeWrittenIsKeptAndDeliveredLater() async throws {
    let deliverer = try deliverer()
    let source = MemorySource("one\n")
    deliverer.deliver(source, to: sandbox["later/log"])
    deliverer.replace(sandbox["later/info"]) { Array("info".utf8) }
    try await eventually { deliverer.events.count == 2 }
    source.add("two\n")
    deliverer.deliver(source, to: sandbox["later/log"])
    try sandbox.makeDirectory("later")
    try await eventually { told.last == "ended true" }
    #expect(deliverer.finish(until: .now + 20) == [])
    #expect(try sandbox.text("later/log") == "one\ntwo\n")
    #expect(try sandbox.text("later/info") == "info")
    let events = deliverer.events
    #expect(events.map(\.outcome) == [.delivered, .delivered])
    #expect(events.allSatisfy { $0.errnoName == "ENOENT" && $0.tries >= 3 && $0.bytesWaiting == 0 })
    // One notice at the beginning and one at the end, for any number of files.
    #expect(told.count == 2 && told[0].hasPrefix("began "))
  }

  @Test func theEndNamesWhatIsLeft() throws {
    let deliverer = try deliverer()
    deliverer.deliver(MemorySource("lost\n"), to: sandbox["never/log"])
    deliverer.replace(sandbox["never/info"]) { [] }
    let leftovers = deliverer.finish(until: .now + 20)
    #expect(leftovers.map(\.path) == [sandbox["never/log"], sandbox["never/info"]])
    #expect(leftovers.map(\.bytes) == [5, 0])
    #expect(leftovers.allSatisfy { $0.failure?.contains("ENOENT") == true })
    #expect(deliverer.events.map(\.outcome) == [.undelivered, .undelivered])
    #expect(deliverer.events.first?.bytesWaiting == 5)
    #expect(told == ["began create ENOENT"])
  }

  @Test func aDeadlineIsKept() throws {
    let deliverer = try deliverer()
    let gate = Monitor(false)
    deliverer.replace(sandbox["slow"]) {
      _ = gate.wait(until: .now + 20) { $0 ? true : nil }
      return []
    }
    deliverer.deliver(MemorySource("x"), to: sandbox["behind"])
    let start = MonotonicInstant.now
    let leftovers = deliverer.finish(until: .now + 0.05)
    #expect(!leftovers.isEmpty)
    #expect(leftovers.allSatisfy { $0.failure == "it does not answer" || $0.path == sandbox["behind"] })
    #expect(MonotonicInstant.now.seconds(since: start) < 10)
    gate.update { $0 = true }
    // The deliverer's thread must not outlive the folder.
    #expect(deliverer.finish(until: .now + 20) == [])
  }

  @Test func aNewTicketEndsThePause() async throws {
    try sandbox.write("old", to: "cache")
    let cache = CredentialCache(name: Array("FILE:\(sandbox["cache"])".utf8))
    let isExpired = Monitor(true)
    let tries = Monitor(0)
    try CallDriver.withMocking({ call in
      guard call.name == "open", call.path?.string.contains("/.log.") == true else { return nil }
      tries.update { $0 += 1 }
      return isExpired.withLock { $0 } ? .fails(Errno(rawValue: EKEYEXPIRED)) : nil
    }) { _ in
      let deliverer = try deliverer(credentials: cache)
      deliverer.deliver(MemorySource("x"), to: sandbox["log"])
      // Nine tries are three rounds. The pause is 4 s by now.
      #expect(tries.wait(until: .now + 20) { $0 >= 9 ? true : nil } == true)
      isExpired.update { $0 = false }
      let renewed = MonotonicInstant.now
      try sandbox.write("new ticket", to: "cache")
      #expect(notices.wait(until: .now + 10) { $0.last == "ended true" ? true : nil } == true)
      #expect(MonotonicInstant.now.seconds(since: renewed) < 2.5)
      #expect(deliverer.finish(until: .now + 20) == [])
    }
    #expect(told == ["began create EKEYEXPIRED", "ended true"])
  }
}
