internal import DuctRecords
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The lines of a job's output file that tell why it failed, and its last ones: see `TellingLines`.
struct FileTail: Sendable {
  /// The most bytes to read, from the end of the file.
  private static let longest = 1 << 20

  var path: String
  var lines: [String]
  /// Why there are no lines; nil if there are.
  var problem: String?

  /// - Parameters:
  ///   - count: the most lines.
  ///   - width: columns of the terminal; nil: any width that a person can read.
  ///   - owners: ids of the users whose files may be shown. A record can name any file, and its reader may have more
  ///     rights than its writer.
  init(_ path: String, lines count: Int, width: Int? = nil, owners: Set<UInt32>) {
    self.path = path
    do throws(Problem) {
      let file = try RegularFile.open(FilePath(escaped: path), options: .noFollow)
      guard owners.contains(file.owner) else {
        throw Problem(
          "it belongs to user \(file.owner), and the record to another: it is not shown")
      }
      let start = max(file.size - Self.longest, 0)
      let bytes = try file.bytes(from: start, count: file.size - start)
      lines = TellingLines.find(in: bytes, isStartCut: start > 0, most: count, width: width).map(
        \.description)
      if lines.isEmpty { problem = "it is empty" }
    } catch {
      lines = []
      problem = error.description
    }
  }
}
