import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// What tests may expect of a `CallDriver`.
@Suite struct CallDriverTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Makes a directory. True if the call failed, which only a driver can cause.
  private func makingFails(_ name: String) -> Bool {
    do throws(Errno) {
      try FileCalls.makeDirectory(sandbox[name], 0o700)
      return false
    } catch { return true }
  }

  @Test func theTraceHasEachCallInOrder() throws {
    let (here, there) = (sandbox["here"], sandbox["there"])
    try CallDriver.withMocking { driver in
      let file = try FileCalls.open(here, .readWrite, [.create])
      try file.writeAll([1, 2], at: 0)
      try FileCalls.close(file)
      try FileCalls.rename(here, there)
      #expect(driver.trace.map(\.name) == ["open", "write", "close", "rename"])
      #expect(driver.trace.map(\.path) == [here, nil, nil, there])
      #expect(driver.count("open") == 1 && driver.count("fsync") == 0)
    }
    #expect(try sandbox.bytes("there") == [1, 2])
  }

  @Test func aCallFailsOrItsAnswerIsLost() throws {
    CallDriver.withMocking({ $0.number == 1 ? .fails(.ioError) : .loses(.timedOut) }) { driver in
      #expect(throws: Errno.ioError) { try FileCalls.makeDirectory(sandbox["first"], 0o700) }
      #expect(throws: Errno.timedOut) { try FileCalls.makeDirectory(sandbox["second"], 0o700) }
      // If the call itself fails, its own error counts.
      #expect(throws: Errno.fileExists) { try FileCalls.makeDirectory(sandbox["second"], 0o700) }
      #expect(driver.trace.map(\.number) == [1, 2, 3])
    }
    #expect(sandbox.names() == ["second"])
  }

  @Test func oneWithinAnotherStandsAlone() {
    CallDriver.withMocking({ _ in .fails(.ioError) }) { outer in
      CallDriver.withMocking { inner in
        #expect(!makingFails("within"))
        #expect(inner.count("mkdir") == 1)
      }
      #expect(makingFails("behind") && outer.count("mkdir") == 1)
    }
    #expect(!makingFails("after"))
  }

  @Test func anotherThreadIsNotTouched() throws {
    let seen = Monitor<Bool?>(nil)
    try CallDriver.withMocking({ _ in .fails(.ioError) }) { driver in
      let thread = try OwnThread("other") { seen.update { $0 = makingFails("other") } }
      #expect(thread.join(until: .now + 20))
      #expect(driver.trace.isEmpty)
    }
    #expect(seen.withLock { $0 } == false)
  }

  @Test func aThreadOfTheRoomHasItUntilItRetires() throws {
    let seen = Monitor<[Bool]>([])
    let mayGoOn = Monitor(false)
    let thread = try CallDriver.withMocking({ _ in .fails(.ioError) }) { driver in
      let thread = try OwnThread(
        "room",
        body: FileCalls.handingOnDriver {
          seen.update { $0.append(makingFails("one")) }
          _ = mayGoOn.wait(until: .now + 20) { $0 ? true : nil }
          seen.update { $0.append(makingFails("two")) }
        })
      #expect(seen.wait(until: .now + 20) { $0.isEmpty ? nil : true } == true)
      #expect(driver.count("mkdir") == 1)
      return thread
    }
    mayGoOn.update { $0 = true }
    #expect(thread.join(until: .now + 20))
    #expect(seen.withLock { $0 } == [true, false])
  }
}
