internal import DuctRecords
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The last lines of a text file.
struct FileTail: Sendable {
  /// The most bytes to read.
  private static let longest = 16 << 10

  var path: String
  var lines: [String]
  /// Why there are no lines; nil if there are.
  var problem: String?

  /// - Parameter owners: ids of the users whose files may be shown. A record can name any file, and its reader
  ///   may have more rights than its writer.
  init(_ path: String, lines count: Int, owners: Set<UInt32>) {
    self.path = path
    do throws(Problem) {
      let file = try RegularFile.open(FilePath(escaped: path), options: .noFollow)
      guard owners.contains(file.owner) else {
        throw Problem(
          "it belongs to user \(file.owner), and the record to another: it is not shown")
      }
      let start = max(file.size - Self.longest, 0)
      let bytes = try file.bytes(from: start, count: file.size - start)
      let all = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let trimmed = all.last?.isEmpty == true ? all.dropLast() : all[...]
      lines = trimmed.suffix(count).map { String(escaping: $0) }
      if lines.isEmpty { problem = "it is empty" }
    } catch {
      lines = []
      problem = error.description
    }
  }
}
