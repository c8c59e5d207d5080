import Glibc
import SystemCalls

/// Ends this process when its caller has gone. libslurm can hang forever, and the caller may be killed before it
/// can end its helper.
enum AskerWatch {
  /// Seconds beyond the caller's own limit. A caller that still runs ends its helper itself.
  private static let grace = 5.0

  /// Starts a thread that watches the caller. Neither a blocked signal nor a hanging call in another thread delays
  /// it.
  ///
  /// - Parameter limit: seconds that the caller waits; nil for no limit.
  static func start(limit: Double?) throws {
    let deadline = limit.map { MonotonicInstant.now + ($0 + grace) }
    _ = try OwnThread("asker") {
      waitForEnd(of: STDIN_FILENO, until: deadline)
      _exit(1)
    }
  }

  /// Returns when the other end of the socket is closed or the deadline passes. Ignores the end of anything but a
  /// socket, such as a pipe through which a user sends a request.
  private static func waitForEnd(of descriptor: CInt, until deadline: MonotonicInstant?) {
    var information = stat()
    let isSocket = fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFSOCK
    // Waits for no data: poll(2) always reports the end of the connection.
    var entry = pollfd(fd: isSocket ? descriptor : -1, events: 0, revents: 0)
    while true {
      let count = poll(&entry, 1, deadline?.pollTimeout ?? -1)
      if count > 0 || (count < 0 && errno != EINTR) { return }
      if let deadline, deadline <= .now { return }
    }
  }
}
