internal import SystemCalls
internal import SystemPackage

/// Hands a captured stream on to duct's own, as it grows.
enum OutputEcho {
  /// A follower that writes to `target` until the reader has gone (EPIPE) or the terminal (EIO).
  static func follower(
    stream index: Int, of capture: OutputCapture, to target: FileDescriptor
  ) throws(Errno) -> OutputFollower? {
    guard let file = capture.file(index) else { return nil }
    return try OutputFollower(
      index == 0 ? "duct stdout" : "duct stderr", stream: index, file: file, status: capture.status
    ) { bytes in
      do throws(Errno) {
        try target.writeAll(bytes)
        return true
      } catch {
        return false
      }
    }
  }
}
