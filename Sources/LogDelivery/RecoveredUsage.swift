import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The usage.jsonl that a run has left in its run folder, up to its last whole line.
struct RecoveredUsage: GrowingSource {
  /// Bytes. A line has a few KB per process, so anything longer is not a line.
  private static let longestLine = 16 << 20
  private static let chunk = 256 << 10
  /// SEEK_HOLE of lseek(2). The Glibc module does not have it.
  private static let seekHole: CInt = 4

  private let file: FileDescriptor
  /// Bytes up to the end of the last whole line.
  let readableLength: Int
  /// Bytes from the first hole on. No line contains a hole.
  let damagedLength: Int

  init(_ file: FileDescriptor) {
    self.file = file
    var information = stat()
    let size = fstat(file.rawValue, &information) == 0 ? Int(information.st_size) : 0
    // A file with holes can have any size without taking space. If the file system does not report holes,
    // assume that there are none.
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

  /// The end of the last whole line. A duct that is killed can leave a part of a line.
  private static func endOfLines(_ file: FileDescriptor, _ size: Int) -> Int {
    var end = size
    while end > 0, size - end <= longestLine {
      let start = max(end - chunk, 0)
      let bytes = part(file, start, end - start)
      if bytes.count < end - start { break }
      if let newline = bytes.lastIndex(of: UInt8(ascii: "\n")) { return start + newline + 1 }
      end = start
    }
    // Without any newline, there is no whole line. If the last line is too long or cannot be read, the file is
    // delivered as it is.
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

  /// Calls `body` for each line, without its newline. Never reads the whole file into memory.
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
