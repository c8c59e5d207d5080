internal import DuctRecords
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// What a run of duct used itself over time: read from its usage.jsonl.
struct UsageSamples: Sendable {
  struct Sample: Sendable, Equatable {
    /// Seconds since 1970: the end of the report interval.
    var time: Double
    /// The largest in the interval, in per cent of one core; nil if not known.
    var cpuPercent: Double?
    /// Bytes: the largest resident memory in the interval; nil if not known.
    var memory: Double?
  }

  /// In the order of their times.
  private(set) var samples: [Sample] = []
  /// What is missing, and why; nil if nothing is.
  private(set) var problem: String?

  /// Bytes of a file that are read at most. Of a larger file, only some lines are read.
  static let mostRead = 8 << 20
  /// How many lines of a larger file are read, and the bytes that such a line may have.
  private static let linesOfLarge = 240
  private static let longestOfLarge = 256 << 10

  /// The members of a line that are shown. Other members, such as the processes, are skipped.
  private struct Line: Record {
    struct Totals: Record {
      var pcpu: Double?
      var rss: Double?

      mutating func list(_ members: inout RecordMembers) {
        members("pcpu", &pcpu)
        members("rss", &rss)
      }
    }

    var timestamp: String?
    var totals: Totals?

    mutating func list(_ members: inout RecordMembers) {
      members("timestamp", &timestamp)
      members("totals", &totals)
    }
  }

  /// - Parameter prefix: as `RecordedRun.prefix`.
  init(ofRun prefix: String) { self.init(reading: Self.path(ofRun: prefix)) }

  init(reading path: FilePath) {
    let lines: [ArraySlice<UInt8>]
    do throws(Problem) {
      let file = try RegularFile.open(path)
      if file.size <= Self.mostRead {
        lines = try file.bytes(from: 0, count: file.size).split(separator: UInt8(ascii: "\n"))
      } else {
        lines = try Self.someLines(file)
        problem = "\(path) has \(file.size >> 20) MiB: only \(lines.count) of its lines were read"
      }
    } catch {
      problem = "\(path) cannot be read: \(error.description)"
      return
    }
    var unreadable = 0
    for line in lines {
      if let sample = Self.sample(line) { samples.append(sample) } else { unreadable += 1 }
    }
    samples.sort { $0.time < $1.time }
    if unreadable > 0 {
      problem = "\(unreadable.grouped) of \(number(lines.count, "line")) of \(path) cannot be read"
    } else if samples.isEmpty {
      problem = "\(path) has no samples"
    }
  }

  /// The file beside the info.json of a run. Another run can have taken its name.
  private static func path(ofRun prefix: String) -> FilePath {
    guard LogPaths.isInfoBeside(prefix), let dot = prefix.lastIndex(of: ".") else {
      return FilePath(escaped: LogPaths(prefix: prefix).usage)
    }
    let start = prefix[..<dot].dropLast(LogPaths.Suffix.info.count)
    return FilePath(escaped: start + LogPaths.Suffix.usage + prefix[dot...])
  }

  /// Lines from places that are evenly distributed over a file.
  private static func someLines(_ file: borrowing RegularFile) throws(Problem) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var window = Window()
    for part in 0..<linesOfLarge {
      let line = try window.firstWholeLine(from: file.size / linesOfLarge * part, file)
      if let line, !line.isEmpty { lines.append(line[...]) }
    }
    return lines
  }

  /// Some bytes of a file, which move towards its end. None is read twice.
  private struct Window {
    private var start = 0
    private var bytes: [UInt8] = []
    private static let readAtOnce = 16 << 10

    /// The first line that begins behind `place`. Nil if there is none within `longestOfLarge` bytes.
    mutating func firstWholeLine(
      from place: Int, _ file: borrowing RegularFile
    ) throws(Problem) -> [UInt8]? {
      bytes.removeFirst(min(place - start, bytes.count))
      start = place
      // The line that `place` is in is cut.
      guard let before = try lineEnd(from: 0, file), let end = try lineEnd(from: before + 1, file) else {
        return nil
      }
      return Array(bytes[(before + 1)..<end])
    }

    /// The index of the first end of a line. Reads on until there is one.
    private mutating func lineEnd(
      from index: Int, _ file: borrowing RegularFile
    ) throws(Problem) -> Int? {
      var index = index
      while true {
        if let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) { return end }
        index = bytes.count
        let more = try file.bytes(
          from: start + index, count: min(Self.readAtOnce, longestOfLarge - index, file.size - start - index))
        if more.isEmpty { return nil }
        bytes += more
      }
    }
  }

  private static func sample(_ line: ArraySlice<UInt8>) -> Sample? {
    guard let line = try? Line(json: Array(line)),
      let time = JobSpan.known(line.timestamp.flatMap(isoSeconds)),
      let totals = line.totals
    else { return nil }
    return Sample(time: time, cpuPercent: known(totals.pcpu), memory: known(totals.rss))
  }

  private static func known(_ value: Double?) -> Double? {
    value.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
  }
}
