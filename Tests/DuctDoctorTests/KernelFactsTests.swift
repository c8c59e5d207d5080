import SystemPackage
import Testing

@testable import DuctDoctor

/// What the doctor says of a kernel and of the limits of a process.
@Suite struct KernelFactsTests {
  private func levels(_ change: (inout KernelFacts) -> Void) -> [String: Finding.Level] {
    var facts = KernelFacts()
    facts.controlGroupVersion = 2
    change(&facts)
    let pairs = facts.findings.map { ($0.check, $0.level) }
    for finding in facts.findings { #expect((finding.advice == nil) == (finding.level == .ok)) }
    return Dictionary(pairs) { first, _ in first }
  }

  @Test func aKernelThatLacksNothing() {
    #expect(levels { _ in }.values.allSatisfy { $0 == .ok })
  }

  @Test func whatAKernelCanLack() {
    #expect(levels { $0.pidfdError = .noFunction }["pidfd"] == .note)
    #expect(levels { $0.view = .foreign }["proc"] == .warning)
    #expect(levels { $0.view = .outer(level: 1) }["proc"] == .ok)
    #expect(levels { $0.controlGroupVersion = nil }["cgroups"] == .note)
    #expect(levels { $0.gpu = .unusable("no driver") }["gpu"] == .warning)
    #expect(levels { $0.gpu = .hangs }["gpu"] == .warning)
    #expect(levels { $0.gpu = .devices(8) }["gpu"] == .ok)
  }

  @Test(
    arguments: [
      (nil, .ok), ("0", .ok), ("off", .ok), ("1", .note), ("2", .note), ("invisible", .note),
    ] as [(String?, Finding.Level)])
  func hiddenProcesses(_ value: String?, _ level: Finding.Level) {
    #expect(levels { $0.hidepid = value }["hidepid"] == level)
    let ofRoot = levels {
      $0.hidepid = value
      $0.isRoot = true
    }
    #expect(ofRoot["hidepid"] == .ok)
  }

  @Test func limits() {
    #expect(levels { $0.openFiles = .init(soft: 255, hard: 4096) }["nofile"] == .warning)
    #expect(levels { $0.openFiles = .init(soft: 256, hard: 4096) }["limits"] == .ok)
    #expect(levels { $0.processes = .init(soft: 63, hard: 63) }["nproc"] == .warning)
    #expect(levels { $0.processes = .init(soft: 64, hard: 64) }["limits"] == .ok)
    #expect(levels { $0.fileSize = .init(soft: 1024, hard: nil) }["fsize"] == .note)
    #expect(levels { $0.fileSize = .init(soft: 1024, hard: 1024) }["fsize"] == .warning)
  }
}
