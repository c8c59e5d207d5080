import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The usage.jsonl that a run has left in its folder: as far as its lines are whole.
struct RecoveredUsage: GrowingSource {
  /// A line has some KB for each process. What is longer is no line.
  private static let longestLine = 16 << 20
  private static let chunk = 256 << 10
  /// SEEK_HOLE of lseek(2), which the C library's module does not have.
  private static let seekHole: CInt = 4

  private let file: FileDescriptor
  /// Bytes up to the end of the last whole line.
  let readableLength: Int
  /// Bytes behind a hole, which no line can have.
  let damagedLength: Int

  init(_ file: FileDescriptor) {
    self.file = file
    var information = stat()
    let size = fstat(file.rawValue, &information) == 0 ? Int(information.st_size) : 0
    // Such a file may be of any size, and take no space. Where a file system cannot tell, there is none.
    let hole = Int(lseek(file.rawValue, 0, Self.seekHole))
    let end = hole >= 0 && hole < size ? hole : size
    damagedLength = size - end
    readableLength = Self.endOfLines(file, end)
  }

  var isComplete: Bool { true }

  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
    let count = min(buffer.count, readableLength - offset)
    guard count > 0 else { return 0 }
    return (try? valueOrErrno { pread(file.rawValue, buffer.baseAddress, count, offset) }) ?? 0
  }

  func prove(upTo length: Int) {}

  /// A duct that is killed can leave a part of a line, which is no line.
  private static func endOfLines(_ file: FileDescriptor, _ size: Int) -> Int {
    var end = size
    while end > 0, size - end <= longestLine {
      let start = max(end - chunk, 0)
      let bytes = part(file, start, end - start)
      if bytes.count < end - start { break }
      if let newline = bytes.lastIndex(of: UInt8(ascii: "\n")) { return start + newline + 1 }
      end = start
    }
    // Not a line at all, or not to be read: it is delivered as it is.
    return end == 0 ? 0 : size
  }

  private static func part(_ file: FileDescriptor, _ start: Int, _ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got =
      (try? valueOrErrno {
        bytes.withUnsafeMutableBytes { pread(file.rawValue, $0.baseAddress, count, start) }
      })
      ?? 0
    return Array(bytes[..<got])
  }

  /// Calls `body` for each line, without its newline. Only one is in memory at a time.
  func forEachLine(_ body: ([UInt8]) -> Void) {
    var rest: [UInt8] = []
    var isTooLong = false
    var offset = 0
    while offset < readableLength {
      let bytes = Self.part(file, offset, min(Self.chunk, readableLength - offset))
      if bytes.isEmpty { return }
      offset += bytes.count
      var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let last = lines.removeLast()
      for line in lines {
        if !isTooLong, !(rest.isEmpty && line.isEmpty) { body(rest + line) }
        (rest, isTooLong) = ([], false)
      }
      rest += last
      if rest.count > Self.longestLine { (rest, isTooLong) = ([], true) }
    }
  }
}
