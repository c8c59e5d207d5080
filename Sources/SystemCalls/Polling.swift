import Glibc
public import SystemPackage

/// What poll(2) found on one descriptor.
public struct PollResult: Sendable {
  /// There is something to read, or end of file, or an error that the next read will report.
  public var isReadable: Bool
  public var isWritable: Bool
}

/// Waits until a descriptor can be read from (or written to), or the deadline passes.
///
/// - Parameter descriptors: a nil entry is skipped and reported as not ready.
/// - Returns: a result for each descriptor, in the same order, then one for `writing` if there is one.
public func poll(
  reading descriptors: [FileDescriptor?], writing: FileDescriptor? = nil,
  until deadline: MonotonicInstant? = nil
) throws(Errno) -> [PollResult] {
  var entries = descriptors.map {
    pollfd(fd: $0?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
  }
  if let writing { entries.append(pollfd(fd: writing.rawValue, events: Int16(POLLOUT), revents: 0)) }
  while true {
    let timeout = deadline?.pollTimeout ?? -1
    let count = Glibc.poll(&entries, nfds_t(entries.count), timeout)
    if count < 0 {
      if errno == EINTR { continue }
      throw Errno(rawValue: errno)
    }
    return entries.map { entry in
      let events = CInt(entry.revents)
      return PollResult(
        isReadable: entry.events & Int16(POLLIN) != 0
          && events & (POLLIN | POLLHUP | POLLERR) != 0,
        isWritable: entry.events & Int16(POLLOUT) != 0
          && events & (POLLOUT | POLLHUP | POLLERR) != 0)
    }
  }
}
