import Glibc
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A log file that the relay has begun and that has no name any more: what is in it would be gone with the last
/// descriptor.
struct RemovedLog {
  let stream: Int
  let file: FileDescriptor
  /// Bytes in it.
  let length: Int

  /// A copy at a time: between two, it is looked whether it is needed still.
  private static let portion = 16 << 20
  /// So much of a disk stays free for others: 1/20, as the relay leaves it.
  private static let reserve: UInt = 20

  /// Copies it into the run's folder, for `recover`, should all processes be killed before the carrier has made
  /// the log file anew. Where there is no place for it, nothing is lost as long as one of them lives.
  ///
  /// - Parameters:
  ///   - limit: bytes that it may have.
  ///   - isNeeded: asked again and again.
  func keep(in folder: SpoolFolder?, limit: Int?, isNeeded: () -> Bool) {
    let name = RunSpool.FileName.head(stream)
    guard let folder, length > 0, length <= limit ?? .max,
      let copy = try? folder.contents.open(name, .writeOnly, options: [.create, .truncate])
    else { return }
    defer { copy.closeQuietly() }
    var offset = 0
    while offset < length, hasPlace(copy, for: length - offset), isNeeded() {
      let count = min(Self.portion, length - offset)
      guard let got = try? valueOrErrno({ sendfile(copy.rawValue, file.rawValue, &offset, count) }), got > 0
      else { break }
    }
    // A part would take the place of output that waits.
    if offset < length { folder.contents.remove(name) }
  }

  private func hasPlace(_ copy: FileDescriptor, for bytes: Int) -> Bool {
    var disk = statvfs()
    guard fstatvfs(copy.rawValue, &disk) == 0, disk.f_frsize > 0 else { return false }
    return disk.f_bavail > disk.f_blocks / Self.reserve + UInt(bytes) / disk.f_frsize
  }
}
