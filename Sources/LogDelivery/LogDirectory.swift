public import DuctRecords
import Glibc
public import OutputRelay
internal import RecordText
public import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What is looked at in a log directory before a run. Blocks as long as the directory does.
public enum LogDirectory {
  /// Seconds that a remote one may take to say what it holds; the command waits no longer.
  public static let patience = 5.0

  /// Records of these paths that are there already.
  public static func existing(_ paths: LogPaths) -> [String] {
    paths.all.filter { path in
      var information = stat()
      return FilePath(escaped: path).withPlatformString { lstat($0, &information) } == 0
    }
  }

  /// Those of them that a run replaces: a stream that it does not capture has no file of its own.
  public static func replaced(_ existing: [String], _ paths: LogPaths, captured: [Bool]) -> [String] {
    existing.filter { path in
      (0..<2).allSatisfy { captured[$0] || path != paths.stream($0) }
    }
  }

  /// Those of them that nobody has written since then, in seconds since 1970.
  static func unchanged(_ existing: [String], since time: Double) -> [String] {
    existing.filter { path in
      var information = stat()
      guard FilePath(escaped: path).withPlatformString({ lstat($0, &information) }) == 0 else { return false }
      return Double(information.st_mtim.tv_sec) + 1 < time
    }
  }

  /// Removes what this run has put there, and nothing that others have put in its place.
  ///
  /// - Parameters:
  ///   - status: on it stands which files are ours. Those that are removed are taken off it.
  ///   - wasEmptied: asked where the directory is not there: whether all in it was removed with it.
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

  /// Whether a file that is open has no name any more.
  static func isRemoved(_ file: FileDescriptor) -> Bool { FileIdentity(of: file)?.links == 0 }

  /// Makes way for new ones. A run that still writes into the old ones keeps them, beside the new.
  public static func remove(_ paths: [String]) {
    for path in paths { FilePath(escaped: path).withPlatformString { _ = unlink($0) } }
  }
}
