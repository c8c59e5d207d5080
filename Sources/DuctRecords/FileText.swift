import Glibc
internal import SystemPackage

/// The bytes of a file that is read once, from its beginning to its end.
///
/// The file is copied and not mapped: a page of a mapped file that another process has cut off, or that a file server
/// does not deliver, would end this process with SIGBUS.
final class FileText {
  /// Bytes. From this size on, the memory can be given back in parts.
  private static let large = 4 << 20

  private let memory: UnsafeMutableRawBufferPointer
  private let isMapped: Bool
  private var count = 0

  /// - Parameters:
  ///   - capacity: bytes.
  ///   - read: writes the bytes, and returns how many there are.
  init(capacity: Int, _ read: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int) throws(Errno) {
    isMapped = capacity >= Self.large
    memory = isMapped ? try Self.map(capacity) : .allocate(byteCount: capacity, alignment: 8)
    count = try read(memory)
  }

  private static func map(_ capacity: Int) throws(Errno) -> UnsafeMutableRawBufferPointer {
    let pages = mmap(nil, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pages, pages != MAP_FAILED else { throw Errno(rawValue: errno) }
    // Large pages save most of the page faults. The kernel may have none.
    madvise(pages, capacity, MADV_HUGEPAGE)
    return UnsafeMutableRawBufferPointer(start: pages, count: capacity)
  }

  deinit {
    if isMapped { munmap(memory.baseAddress, memory.count) } else { memory.deallocate() }
  }

  /// Valid as long as this value.
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]).bindMemory(to: UInt8.self))
  }

  /// Gives the memory of a part back to the kernel, as far as it consists of whole pages. Later, zeros may be read there.
  func release(_ part: Range<Int>) {
    guard isMapped, let start = memory.baseAddress else { return }
    let page = Int(sysconf(CInt(_SC_PAGESIZE)))
    let first = (part.lowerBound + page - 1) / page * page
    let end = part.upperBound / page * page
    if first < end { madvise(start + first, end - first, MADV_DONTNEED) }
  }
}
