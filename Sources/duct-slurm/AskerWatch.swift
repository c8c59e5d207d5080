import Glibc
import SystemCalls

/// Ends this process when nobody waits for its answer any more: libslurm can hang for ever, and whoever
/// asked may have been killed before it could end its helper.
enum AskerWatch {
  /// Seconds beyond the asker's own limit: it ends its helper itself, if it is there.
  private static let grace = 5.0

  /// Starts the watch on a thread of its own, which neither a blocked signal nor a hanging call holds up.
  ///
  /// - Parameter limit: seconds that the asker waits; nil for no limit.
  static func start(limit: Double?) throws {
    let deadline = limit.map { MonotonicInstant.now + ($0 + grace) }
    _ = try OwnThread("asker") {
      waitForEnd(of: STDIN_FILENO, until: deadline)
      _exit(1)
    }
  }

  /// Returns when the other end of the socket is closed, or the deadline passes. Of anything that is no
  /// socket (a pipe that a person has written the request into) the end says nothing.
  private static func waitForEnd(of descriptor: CInt, until deadline: MonotonicInstant?) {
    var information = stat()
    let isSocket = fstat(descriptor, &information) == 0 && information.st_mode & S_IFMT == S_IFSOCK
    // Nothing is to be read: the end of the connection is told without being asked for.
    var entry = pollfd(fd: isSocket ? descriptor : -1, events: 0, revents: 0)
    while true {
      let count = poll(&entry, 1, deadline?.pollTimeout ?? -1)
      if count > 0 || (count < 0 && errno != EINTR) { return }
      if let deadline, deadline <= .now { return }
    }
  }
}
