import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The end of a file of text.
struct FileTail: Sendable {
  private static let longest = 16 << 10

  var path: String
  var lines: [String]
  /// Why there are no lines.
  var problem: String?

  init(_ path: String, lines count: Int) {
    self.path = path
    do throws(Errno) {
      let bytes = try Self.end(of: FilePath(escaped: path))
      let all = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let trimmed = all.last?.isEmpty == true ? all.dropLast() : all[...]
      lines = trimmed.suffix(count).map { String(escaping: $0).forDisplay }
      if lines.isEmpty { problem = "it is empty" }
    } catch {
      lines = []
      problem = "\(error.description) (\(error.name))"
    }
  }

  private static func end(of path: FilePath) throws(Errno) -> [UInt8] {
    // A FIFO in its place must not hold up the report.
    let file = try FileDescriptor.opening(path, .readOnly, options: .nonBlocking)
    defer { file.closeQuietly() }
    let size = try valueOrErrno { lseek(file.rawValue, 0, SEEK_END) }
    var bytes = [UInt8](repeating: 0, count: min(size, longest))
    let got = try valueOrErrno {
      bytes.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, $0.count, size - $0.count) }
    }
    return Array(bytes[..<got])
  }
}
