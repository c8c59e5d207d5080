import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// Faults that no file system can be made to produce: each kind of call fails with each errno, at several
/// positions.
@Suite struct ErrnoTests {
  private static let names: [(String, CInt)] = [
    ("EACCES", EACCES), ("EPERM", EPERM), ("EKEYEXPIRED", EKEYEXPIRED), ("EKEYREVOKED", EKEYREVOKED),
    ("EKEYREJECTED", EKEYREJECTED), ("ENOKEY", ENOKEY), ("ESTALE", ESTALE), ("EBADF", EBADF),
    ("EIO", EIO), ("ETIMEDOUT", ETIMEDOUT), ("EHOSTDOWN", EHOSTDOWN), ("ENETUNREACH", ENETUNREACH),
    ("ENOSPC", ENOSPC), ("EDQUOT", EDQUOT), ("EFBIG", EFBIG), ("EROFS", EROFS), ("EINVAL", EINVAL),
    ("ENAMETOOLONG", ENAMETOOLONG), ("ENOTDIR", ENOTDIR), ("ENOENT", ENOENT), ("ELOOP", ELOOP),
  ]

  @Test(
    "A call that fails some times",
    arguments: ["open", "write", "fsync", "truncate", "stat", "rename", "close"])
  func fails(_ operation: String) throws {
    for (name, number) in Self.names {
      // The first call of its kind or a later one fails: once, or more often than the deliverer retries
      // immediately.
      for (skipped, times) in [(0, 1), (1, 1), (3, 1), (0, 7)] {
        let sandbox = try Sandbox()
        let failing = skipped + 1...skipped + times
        try CallDriver.withMocking({ call in
          if call.name == operation, failing.contains(call.number) { return .fails(Errno(rawValue: number)) }
          // The deliverer truncates a file only if the fate of some bytes is unknown. So every second write loses
          // its answer.
          if operation == "truncate", call.name == "write", call.number % 2 == 1 { return .loses(.ioError) }
          return nil
        }) { driver in
          let source = MemorySource()
          let (logNotes, infoNotes) = (NotedTarget(), NotedTarget())
          let deliverer = try Deliverer(runID: "run", makesDirectories: true) { notice in
            if case .eventsHaveChanged = notice { source.noteFailure() }
          }
          deliverer.know(sandbox["dir/log"], by: logNotes)
          deliverer.know(sandbox["dir/info"], by: infoNotes)
          for index in 0..<5 {
            let failures = source.failures
            source.add("line \(index)\n")
            deliverer.deliver(source, to: sandbox["dir/log"])
            deliverer.replace(sandbox["dir/info"]) { Array("info \(index)".utf8) }
            // One line at a time, unless the deliverer pauses after a failure.
            if failures == 0 { #expect(source.waitForDeliverer(beyond: 0)) }
          }
          source.complete()
          deliverer.deliver(source, to: sandbox["dir/log"])
          // The deliverer has made its last try. Try again, as a later `recover` does.
          var leftovers = deliverer.finish(until: .now + 20)
          for _ in 0..<8 where !leftovers.isEmpty {
            let again = try Deliverer(runID: "run", makesDirectories: true) { _ in }
            again.know(sandbox["dir/log"], by: logNotes, proven: source.proven, isSuccessor: true)
            again.know(sandbox["dir/info"], by: infoNotes, isSuccessor: true)
            again.deliver(source, to: sandbox["dir/log"])
            again.replace(sandbox["dir/info"]) { Array("info 4".utf8) }
            leftovers = again.finish(until: .now + 20)
          }
          let what: Comment = "\(operation) \(name) \(skipped) \(times)"
          // Some kinds of calls are made no more than three times.
          if skipped < 3 { #expect(driver.count(operation) > skipped, what) }
          #expect(leftovers == [], what)
          #expect(try sandbox.text("dir/log") == source.text, what)
          #expect(try sandbox.text("dir/info") == "info 4", what)
          #expect(sandbox.names("dir") == ["info", "log"], what)
        }
      }
    }
  }

  @Test func theMeaningOfEachErrno() {
    let kinds = Dictionary(uniqueKeysWithValues: Self.names.map { ($0.0, Errno(rawValue: $0.1).failureKind) })
    for name in ["EACCES", "EPERM", "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED", "ENOKEY"] {
      #expect(kinds[name] == .credential)
    }
    for name in ["ESTALE", "EBADF", "ENOENT"] { #expect(kinds[name] == .handle) }
    for name in ["EIO", "ETIMEDOUT", "EHOSTDOWN", "ENETUNREACH"] { #expect(kinds[name] == .server) }
    for name in ["ENOSPC", "EDQUOT", "EFBIG"] { #expect(kinds[name] == .space) }
    for name in ["EROFS", "EINVAL", "ENAMETOOLONG", "ENOTDIR"] { #expect(kinds[name] == .permanent) }
  }

  @Test func pausesGrowToAMinute() {
    var pause = Backoff(.credential)
    var lengths: [Double] = []
    for _ in 0..<9 {
      lengths.append(pause.length)
      pause.grow()
    }
    #expect(lengths == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    #expect(Backoff(.space).length > Backoff(.server).length)
  }
}
