public import DuctRecords
internal import Glibc
public import OutputRelay
internal import SystemCalls
public import SystemPackage

/// Detects that a log file that the relay writes was removed or replaced, and has the relay go on in the spool.
///
/// Blocks as long as the log directory does.
public struct LogFileCheck: Sendable {
  private let status: RelayStatus
  private let stores: [OutputStores?]
  private let paths: LogPaths
  private let wake: FileDescriptor

  /// - Parameters:
  ///   - status: the page, on which stands which files are the run's.
  ///   - stores: the stores of stdout and stderr; nil where a stream is not captured.
  ///   - wake: an eventfd that makes the relay look at requests.
  public init(status: RelayStatus, stores: [OutputStores?], paths: LogPaths, wake: FileDescriptor) {
    self.status = status
    self.stores = stores
    self.paths = paths
    self.wake = wake
  }

  /// The path of a stream's log file.
  func path(_ index: Int) -> FilePath { FilePath(escaped: paths.stream(index)) }

  func run() {
    var hasRequested = false
    for (index, stores) in stores.enumerated() {
      guard let stores, stores[.log] != nil, !status.hasLeftLog(stream: index),
        let next = stores.next(after: OutputStores.Kind.log.rawValue)
      else { continue }
      // duct noted the identity of the file when it created it.
      if let found = try? FileIdentity.asked(at: path(index), followingLinks: false),
        status.isNoted(found, as: .stream(index))
      {
        continue
      }
      if status[index].hasEnded {
        // The relay has finished this stream, and serves no request any more.
        status.leaveLogAfterEnd(for: next, stream: index)
      } else {
        status.requestLeavingLog(stream: index)
        hasRequested = true
      }
    }
    if hasRequested { wake.signalEvent() }
  }
}
