import Glibc
internal import RecordText
internal import SlurmJobs

/// Parses the output of a command as records whose fields are separated by a mark.
///
/// Names of jobs, directories and command lines may contain any byte, including newlines. So each request uses a
/// new mark with random digits, and records are separated by their number of fields, not by lines.
struct SeparatedRecords {
  let mark: String
  private let markBytes: [UInt8]
  private let newline = UInt8(ascii: "\n")

  /// Makes a mark without commas, which separate fields in squeue's format, and without a digit at the start, which
  /// squeue would take for a field width.
  init() {
    mark = "\u{1F}\(String(UInt32.random(in: .min ... .max), radix: 16))\u{1F}"
    markBytes = Array(mark.utf8)
  }

  /// - Parameter isTerminated: the mark also follows the last field, as with squeue. Otherwise, the last field
  ///   must not contain newlines.
  func parse(
    _ output: [UInt8], fieldCount: Int, isTerminated: Bool, of name: String
  ) throws(SlurmFailure) -> [[String]] {
    var records: [[String]] = []
    var fields: [String] = []
    var rest = output[...]
    while !rest.isEmpty {
      if fields.count == fieldCount - 1, !isTerminated {
        let end = rest.firstIndex(of: newline) ?? rest.endIndex
        fields.append(String(escaping: rest[..<end]))
        rest = rest[end...]
      } else {
        guard let end = nextMark(in: rest) else { break }
        fields.append(String(escaping: rest[..<end]))
        rest = rest[(end + markBytes.count)...]
      }
      guard fields.count == fieldCount else { continue }
      records.append(fields)
      fields = []
      guard rest.isEmpty || rest.first == newline else { throw rubbish(name) }
      rest = rest.dropFirst()
    }
    guard fields.isEmpty, rest.isEmpty else { throw rubbish(name) }
    return records
  }

  private func nextMark(in bytes: ArraySlice<UInt8>) -> Int? {
    bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return nil }
      var from = 0
      while buffer.count - from >= markBytes.count,
        let found = memchr(start + from, CInt(markBytes[0]), buffer.count - from)
      {
        from = UnsafeRawPointer(found) - start
        if buffer.count - from >= markBytes.count, memcmp(found, markBytes, markBytes.count) == 0 {
          return bytes.startIndex + from
        }
        from += 1
      }
      return nil
    }
  }

  private func rubbish(_ name: String) -> SlurmFailure {
    SlurmFailure(.rubbish, "\(name) printed something that is no list of the fields that it was asked for")
  }
}
