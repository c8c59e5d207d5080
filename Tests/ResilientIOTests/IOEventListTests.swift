import SystemCalls
import SystemPackage
import Testing

@testable import ResilientIO

/// `io_events` of a directory that fails and recovers for weeks.
@Suite struct IOEventListTests {
  private let path: FilePath = "/logs/stdout"
  private var list = IOEventList()

  private mutating func episode(
    _ operation: String, _ error: Errno, _ path: FilePath = "/logs/stdout"
  ) {
    list.note(IOFailure(operation, path, error), path, bytes: 5, tries: 4, isLast: false)
    let ends = list.noteSuccess(path)
    #expect(ends)
  }

  @Test mutating func fewEpisodesHaveAnEntryEach() {
    for _ in 0..<IOEventList.mostApart { episode("write", .ioError) }
    #expect(list.events.count == IOEventList.mostApart)
    #expect(list.events.allSatisfy { $0.episodes == 1 && $0.tries == 4 && $0.outcome == .delivered })
  }

  @Test mutating func manyEpisodesAreAddedUp() {
    for _ in 0..<5000 {
      episode("write", .ioError)
      episode("open", .permissionDenied)
    }
    let first = list.events[98].firstTime
    episode("open", .permissionDenied, "/logs/stderr")
    #expect(list.events.count == IOEventList.mostApart + 1)
    #expect(list.events.map(\.episodes).reduce(0, +) == 10_001)
    #expect(list.events.map(\.tries).reduce(0, +) == 40_004)
    #expect(list.events[98].episodes == 4951 && list.events[98].firstTime == first)
    #expect(list.events[98].lastTime >= first)
  }

  /// An episode that is not over is told as such, also if its entry has many.
  @Test mutating func theOpenEpisodeCounts() {
    for _ in 0..<200 { episode("write", .ioError) }
    list.note(IOFailure("write", path, .ioError), path, bytes: 70, tries: 4, isLast: false)
    #expect(list.events.count == IOEventList.mostApart)
    #expect(list.events.last?.outcome == .waiting && list.events.last?.bytesWaiting == 70)
    list.note(IOFailure("fsync", path, .noSpace), path, bytes: 80, tries: 4, isLast: true)
    #expect(list.events.last?.outcome == .undelivered && list.events.last?.operation == "fsync")
    #expect(list.events.last?.episodes == 102 && list.events.count == IOEventList.mostApart)
  }

  @Test mutating func missingBytesAreAddedUp() {
    for _ in 0..<300 { list.note(path, "stat", .noSuchFileOrDirectory, missing: 7) }
    for _ in 0..<300 { list.note(path, "stat", .noSuchFileOrDirectory, missing: 0) }
    list.note(path, "stat", .fileExists, missing: 0, place: "/logs/stdout.run")
    #expect(list.events.filter { $0.outcome == .lost }.map(\.bytesWaiting).reduce(0, +) == 2100)
    #expect(list.events.map(\.episodes).reduce(0, +) == 601)
    #expect(list.events.count == IOEventList.mostApart + 2)
    #expect(list.events.last?.place == "/logs/stdout.run")
  }
}
