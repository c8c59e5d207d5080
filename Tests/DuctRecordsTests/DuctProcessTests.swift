import Glibc
import Testing

@testable import DuctRecords

@Suite struct DuctProcessTests {
  @Test func aProcessIsKnownByMoreThanItsPid() {
    let own = DuctProcess.own
    #expect(own.presence == .alive)
    var other = own
    other.startTicks = own.startTicks.map { $0 + 1 }
    #expect(other.presence == .gone, "the pid was given again")
    other = own
    other.bootID = "another"
    #expect(other.presence == .elsewhere)
    other = own
    other.pidNamespace = "pid:[1]"
    #expect(other.presence == .elsewhere)
    for pid in [0, -1, Int32.min] {
      other = own
      other.pid = pid
      #expect(other.presence == .elsewhere, "no process has such a number, and kill(2) means others by it")
    }
  }
}
