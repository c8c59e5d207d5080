internal import SystemCalls
public import SystemPackage

/// Reads which processes are in a control group and in those below it.
public struct GroupMembers: Sendable {
  private let folder: FilePath
  /// Groups below groups: more than any system makes, so that a loop of links ends.
  private static let deepest = 32

  /// - Parameter folder: the group's, in the cgroup file system.
  init(_ folder: FilePath) { self.folder = folder }

  /// Where a group can be in the cgroup file system, if its path is as in /proc/PID/cgroup.
  public static func folders(of path: FilePath) -> [FilePath] {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/freezer"].map {
      FilePath($0).appending(path.removingRoot().components)
    }
  }

  /// The pids in duct's own pid namespace: the kernel writes them so. Empty if the group is gone.
  func read() -> [Int32] {
    var pids: [Int32] = []
    add(folder, depth: 0, to: &pids)
    return pids
  }

  private func add(_ folder: FilePath, depth: Int, to pids: inout [Int32]) {
    // A threaded group of version 2 refuses cgroup.procs, and its processes are in the group above.
    let bytes = (try? readAll(folder.appending("cgroup.procs"))) ?? []
    // 0 stands for a process outside of duct's pid namespace.
    pids += bytes.split(separator: UInt8(ascii: "\n")).compactMap {
      Int32(String(decoding: $0, as: UTF8.self))
    }
    .filter { $0 > 0 }
    guard depth < Self.deepest,
      let directory = try? FileDescriptor.opening(folder, .readOnly, options: .directory)
    else { return }
    defer { directory.closeQuietly() }
    for name in (try? entryNames(of: directory)) ?? [] {
      let inner = folder.appending(String(decoding: name, as: UTF8.self))
      if FileIdentity(at: inner)?.isDirectory == true { add(inner, depth: depth + 1, to: &pids) }
    }
  }
}
