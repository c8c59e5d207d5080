import Glibc
import SystemCalls
import Testing

@testable import ProcessSampling

@Suite struct ProcFilesTests {
  @Test func thisProcess() throws {
    let files = ProcFiles()
    let stat = try #require(files.stat(getpid()))
    #expect(stat.pid == getpid() && stat.parent == getppid() && stat.session == getsid(0))
    #expect(stat.residentPages > 0 && stat.image != 0)
    #expect(files.commandLine(stat.pid)?.contains("xctest") == true)
    #expect(files.stat(0x7FFF_FFF0) == nil)
  }

  @Test func aPartOfProcIsListedAsTheWholeOne() throws {
    let files = ProcFiles()
    let own = getpid()
    #expect(files.canSeek, "else every sample lists all of /proc")
    var all: [Int32] = []
    files.forEachProcess { all.append($0.pid) }
    #expect(all.contains(own) && all == all.sorted() && files.pids().contains(own))
    for range in [1...own, own...own, own...Int32.max] {
      var part: [Int32] = []
      files.forEachProcess(in: range) { part.append($0.pid) }
      #expect(part.contains(own) && part.allSatisfy(range.contains))
    }
    #expect(try #require(files.lastPID()) > 0)
  }
}

@Suite struct ProcessStatesTests {
  @Test func statesHaveTheMarksOfPs() throws {
    let line =
      "42 (x) S 10 11 12 34817 11 4194304 1 222 3 4 555 66 77 88 20 5 3 0 9999 8192000 321 0 1 1 7\n"
    let stat = try #require(Array(line.utf8).withUnsafeBytes { ProcessStat($0) })
    #expect(stat.psState.text == "SNl+")
  }

  @Test func statesAreCountedWithoutEnd() {
    var states = ProcessStates()
    for letter in "RSDZTtXIPW".utf8 { for _ in 0..<3 { states.add(ProcessStates.Key(letter)) } }
    #expect(states.all.count == 8)
    #expect(states.all.reduce(0) { $0 + $1.count } == 30)
    #expect(states.all.first?.state == "R" && states.all.first?.count == 3)
  }
}
