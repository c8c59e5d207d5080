public import DuctRecords
import Glibc
public import Logging
public import OutputRelay
internal import RecordText
public import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Checks a log directory before a run, and removes records from it. The calls block until the directory
/// answers.
public enum LogDirectory {
  /// Seconds that a remote log directory may take to report what it contains. The command waits no longer.
  public static let patience = 5.0

  /// The paths that exist already.
  public static func existing(_ paths: LogPaths) -> [String] {
    paths.all.filter { path in
      var information = stat()
      return FilePath(escaped: path).withPlatformString { lstat($0, &information) } == 0
    }
  }

  /// The existing records that a run replaces. For a stream that it does not capture, it has no file to replace
  /// one with.
  public static func replaced(_ existing: [String], _ paths: LogPaths, captured: [Bool]) -> [String] {
    existing.filter { path in
      (0..<2).allSatisfy { captured[$0] || path != paths.stream($0) }
    }
  }

  /// The existing records that no process has written since `time`, in seconds since 1970.
  static func unchanged(_ existing: [String], since time: Double) -> [String] {
    existing.filter { path in
      var information = stat()
      guard FilePath(escaped: path).withPlatformString({ lstat($0, &information) }) == 0 else { return false }
      return Double(information.st_mtim.tv_sec) + 1 < time
    }
  }

  /// Removes the files of this run, but not files that others have put in their place.
  ///
  /// - Parameters:
  ///   - status: the page, which records which files are ours. Removed files are deleted from it.
  ///   - wasEmptied: called if the directory is missing. True if the files were removed together with it.
  /// - Returns: what could not be removed.
  public static func removeOurs(
    _ paths: LogPaths, status: RelayStatus, runID: String,
    _ targets: [RelayStatus.Target] = RelayStatus.Target.allCases, wasEmptied: () -> Bool = { false }
  ) -> [Deliverer.Leftover] {
    targets.compactMap { target in
      let path = FilePath(escaped: paths.path(of: target))
      do throws(IOFailure) {
        try RecordFile.remove(path, status.notes(of: target), runID: runID)
        status.forget(target)
        return nil
      } catch {
        if error.errno == .noSuchFileOrDirectory, wasEmptied() {
          status.forget(target)
          return nil
        }
        return .init(path: path, bytes: 0, failure: error.description)
      }
    }
  }

  /// Tells of files that `removeOurs` has left.
  public static func warn(ofKept leftovers: [Deliverer.Leftover], _ log: Logger) {
    for leftover in leftovers {
      log.warning("\(leftover.path) is not removed: \(leftover.failure ?? "it does not answer")")
    }
  }

  /// Whether an open file has lost its name.
  static func isRemoved(_ file: FileDescriptor) -> Bool { FileIdentity(of: file)?.links == 0 }

  /// Removes old records to make room for new ones. A run that still writes into an old one continues in a file
  /// beside the new one.
  ///
  /// Removes info.json first: if this process is killed meanwhile, no record names files that are gone.
  public static func remove(_ paths: [String]) {
    for path in paths.reversed() { FilePath(escaped: path).withPlatformString { _ = unlink($0) } }
  }
}
