public import DuctRecords
internal import Glibc
public import OutputRelay
internal import SystemCalls
public import SystemPackage

/// Detects that a log file that the relay writes was removed or replaced. The relay then continues in the
/// spool.
///
/// Blocks until the log directory answers.
public struct LogFileCheck: Sendable {
  private let status: RelayStatus
  private let stores: [OutputStores?]
  private let paths: LogPaths
  private let wake: FileDescriptor

  /// - Parameters:
  ///   - status: the page, which records which files are ours.
  ///   - stores: the stores of stdout and stderr; nil if a stream is not captured.
  ///   - wake: an eventfd that makes the relay check requests.
  public init(status: RelayStatus, stores: [OutputStores?], paths: LogPaths, wake: FileDescriptor) {
    self.status = status
    self.stores = stores
    self.paths = paths
    self.wake = wake
  }

  func path(_ index: Int) -> FilePath { FilePath(escaped: paths.stream(index)) }

  func run() {
    var hasRequested = false
    for (index, stores) in stores.enumerated() {
      guard let stores, stores[.log] != nil, !status.hasLeftLog(stream: index),
        let next = stores.next(after: OutputStores.Kind.log.rawValue)
      else { continue }
      // duct has noted the identity of the file when it created it.
      if let found = try? FileIdentity.asked(at: path(index), followingLinks: false),
        status.isNoted(found, as: .stream(index))
      {
        continue
      }
      if status[index].hasEnded {
        // The relay has finished this stream and serves no more requests for it.
        status.leaveLogAfterEnd(for: next, stream: index)
      } else {
        status.requestLeavingLog(stream: index)
        hasRequested = true
      }
    }
    if hasRequested { wake.signalEvent() }
  }
}
