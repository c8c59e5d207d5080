import Glibc
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A log file that the relay has begun and that has lost its name. Its contents would be lost with its last
/// descriptor.
struct RemovedLog {
  let stream: Int
  let file: FileDescriptor
  /// Bytes.
  let length: Int

  /// Bytes that are copied at a time. Between two portions, `keep` checks whether the copy is still needed.
  private static let portion = 16 << 20
  /// The divisor for the space that stays free for others: 1/20 of the disk, as with the relay.
  private static let reserve: UInt = 20

  /// Copies it into the run folder for `recover`, in case all processes are killed before the carrier has
  /// created the log file again. If there is no room for the copy, nothing is lost as long as one of these
  /// processes lives.
  ///
  /// - Parameters:
  ///   - limit: the most bytes that the copy may have; nil: no limit.
  ///   - isNeeded: called before each portion. False ends the copying, and the incomplete copy is removed.
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
    // An incomplete copy would take the space of output that waits.
    if offset < length { folder.contents.remove(name) }
  }

  private func hasPlace(_ copy: FileDescriptor, for bytes: Int) -> Bool {
    var disk = statvfs()
    guard fstatvfs(copy.rawValue, &disk) == 0, disk.f_frsize > 0 else { return false }
    return disk.f_bavail > disk.f_blocks / Self.reserve + UInt(bytes) / disk.f_frsize
  }
}
