import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

/// What the copy of a run's page still tells after all processes of the run were killed.
@Suite struct LeftPageTests {
  private let sandbox: Sandbox
  private let status: RelayStatus
  init() throws {
    sandbox = try Sandbox()
    status = try RelayStatus(creating: sandbox["status"])
  }

  private func left() throws -> RelayStatus {
    try RelayStatus(left: FileDescriptor.opening(sandbox["status"], .readWrite))
  }

  @Test("A store that is left no longer says by its length how much was printed", arguments: [1, 2])
  func aLogFileIsLeftForAStoreThatHoldsNothing(_ store: Int) throws {
    status.noteStart(0, of: OutputStores.Kind.log.rawValue, stream: 0)
    status.noteWritten(100, stream: 0)
    status.noteStart(100, of: store, stream: 0)
    let left = try left()
    left.noteAbandoned(stream: 0, sizes: [nil, 0, nil])
    #expect(left[0].written == 100 && left.isInOrder(stream: 0))
  }

  /// Merges dropped ranges to make room. The log file may be rewritten after its bytes have left all stores, so
  /// bytes before and after the merged ranges must keep their positions.
  @Test func rangesThatMakeRoomKeepWhatIsAroundThemInItsPlace() throws {
    let stores = OutputStores(log: nil, spool: nil, memory: try FileDescriptor.memory("test"))
    let output = RenderedOutput(stream: 0, stores: stores, status: status, wake: {})
    var written = 0
    func drop() -> Bool {
      written += 10_000
      status.noteWritten(written, stream: 0)
      let isDropped = status.startDropping(written - 5000..<written, stream: 0)
      if isDropped { status.stopDropping(stream: 0) }
      return isDropped
    }
    status.noteStart(0, of: OutputStores.Kind.memory.rawValue, stream: 0)
    while written < 10_000_000, status.canBeginRange(stream: 0) { #expect(drop()) }
    let count = status.dropped(stream: 0).items.count
    #expect(count > 2 && written < 10_000_000)
    #expect(!drop(), "nothing is proven, and nothing was given back")
    written -= 10_000
    status.noteWritten(written, stream: 0)
    let bytes = [0, 4999, 5000, 30_000, 33_333, written - 1]
    let places = bytes.map(output.position)
    status.release(upTo: 20_000, stream: 0)
    #expect(drop() && drop())
    let ranges = status.dropped(stream: 0)
    #expect(ranges.items.count == count && ranges.merged?.range == 5000..<20_000)
    #expect(bytes.map(output.position) == places)
    // If the merged ranges must be written again, their place stays empty.
    let length = 5000 + 2 * gapMark(5000).count
    #expect(output.giveUpUnreadable(at: 5000) == (skip: length, missing: 15_000))
    #expect(output.position(of: 20_000) == 5000 + length)
  }

  @Test func onlyANotedFileIsOurs() throws {
    func file(_ name: String) throws -> FileIdentity {
      try sandbox.write("", to: name)
      return try #require(FileIdentity(at: sandbox[name]))
    }
    let (ours, anothers) = (try file("ours"), try file("another's"))
    status.remember(TargetNote(identity: ours, name: 0), as: .stdout)
    let left = try left()
    try sandbox.write("more", to: "ours")
    #expect(left.isNoted(try #require(FileIdentity(at: sandbox["ours"])), as: .stdout))
    #expect(!left.isNoted(anothers, as: .stdout))
    #expect(!left.isNoted(ours, as: .stderr))
  }

  /// If only the beginning of a note has reached the copy of the page, the note does not count.
  @Test func aNoteThatWasCutOffDoesNotCount() throws {
    func note(_ inode: UInt64) -> TargetNote {
      let time = FileIdentity.Time(seconds: 1, nanoseconds: 2)
      return TargetNote(
        identity: FileIdentity(device: 1, inode: inode, size: 3, birth: time, modification: time), name: 0)
    }
    func inodes() throws -> [UInt64] { try left().notes(of: .info).map(\.identity.inode) }
    for inode in [UInt64(4), 5, 6, 7] {
      let (known, before) = (try inodes(), try readAll(sandbox["status"]))
      status.remember(note(inode), as: .info)
      let after = try readAll(sandbox["status"])
      let changed = before.indices.filter { before[$0] != after[$0] }
      for cut in changed {
        try sandbox.write(Array(after[..<cut] + before[cut...]), to: "status")
        #expect(try inodes() == known)
      }
      try sandbox.write(after, to: "status")
      #expect(try inodes() == [inode])
    }
  }
}
