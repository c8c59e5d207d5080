internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// The control groups of duct, and so of the run. See cgroups(7).
///
/// Knows version 1, where each controller has its own hierarchy, and version 2. `ControlGroups+Values.swift` reads the
/// values.
struct ControlGroups: Sendable {
  /// One level of the hierarchy.
  struct Place {
    /// Slurm's `job`, `step` or `task`, or `own` for the innermost group.
    var level: String
    var path: String
    /// The group's folder by controller; "" for version 2.
    var folders: [String: FilePath]
    var isUnified: Bool
  }

  /// From the outermost to the innermost.
  let places: [Place]
  /// The folders with memory limits, from the innermost group outwards.
  let memoryFolders: [FilePath]
  /// The folders with limits of CPU time, from the innermost group outwards.
  let processorFolders: [FilePath]
  /// The run is limited by version 2.
  let isUnified: Bool

  /// Version 1's controllers that duct reads. The first that is found gives the path of the groups.
  private static let controllers = ["memory", "cpu", "cpuacct"]

  /// - Parameters:
  ///   - membership: the contents of /proc/PID/cgroup.
  ///   - mounts: the contents of /proc/PID/mountinfo.
  ///   - root: the root of a recorded tree that has the mount points in it.
  ///   - exists: whether a folder exists.
  init(membership: String, mounts: [UInt8], root: FilePath = "/", exists: (FilePath) -> Bool) {
    let paths = Self.paths(membership)
    let points = Self.mountPoints(mounts)
    func folder(_ controller: String) -> (mount: FilePath, inner: String)? {
      guard let path = paths[controller], let point = points[controller] else { return nil }
      // Only a part of the hierarchy may be mounted. Then the path begins with that part, except in a cgroup
      // namespace, where the path begins at the namespace's root.
      let inner =
        point.root != "/" && (path == point.root || path.hasPrefix(point.root + "/"))
        ? String(path.dropFirst(point.root.count)) : path
      let place = FilePath(escaped: point.place)
      let mount = root == "/" ? place : root.appending(place.components)
      return exists(Self.folder(mount, inner)) ? (mount, inner) : nil
    }
    // In a hybrid setup version 2 is mounted too, but memory is limited by version 1.
    isUnified = folder("memory") == nil
    let found = (isUnified ? [""] : Self.controllers).compactMap { name in
      folder(name).map { (name: name, mount: $0.mount, inner: $0.inner) }
    }
    let main = found.first
    places = Self.levels(main?.inner ?? "").compactMap { level, inner in
      guard let main else { return nil }
      var folders: [String: FilePath] = [:]
      for one in found {
        let path = one.inner == main.inner ? inner : Self.counterpart(of: level, inner, in: one.inner)
        if let path { folders[one.name] = Self.folder(one.mount, path) }
      }
      return Place(
        level: level, path: inner.isEmpty ? "/" : inner, folders: folders, isUnified: main.name.isEmpty)
    }
    func outwards(_ name: String) -> [FilePath] {
      guard let one = found.first(where: { $0.name == name }) else { return [] }
      var parts = one.inner.split(separator: "/")
      var folders = [Self.folder(one.mount, one.inner)]
      while !parts.isEmpty {
        parts.removeLast()
        folders.append(Self.folder(one.mount, parts.joined(separator: "/")))
      }
      return folders
    }
    memoryFolders = outwards(isUnified ? "" : "memory")
    processorFolders = outwards(isUnified ? "" : "cpu")
  }

  /// The groups of a process that duct watches. Without one, those of duct.
  init(_ files: ProcFiles, of watched: WatchedProcesses) {
    let number: Int32? =
      switch watched {
      case .command(let pid, _, _), .process(let pid), .session(let pid): files.number(of: pid)
      case .daemon(let pid): files.number(of: pid).flatMap { files.children(of: $0).first }
      case .job(let step): Self.firstChild(of: step.daemons(files), files)
      case .controlGroup(let folder): GroupMembers(folder).read().first.flatMap { files.number(of: $0) }
      }
    self.init(files, pid: number)
  }

  /// Reads the children of each once: a lazy sequence would read them a second time, and fail if the child has ended.
  private static func firstChild(of parents: [Int32], _ files: ProcFiles) -> Int32? {
    for parent in parents {
      if let child = files.children(of: parent).first { return child }
    }
    return nil
  }

  /// Whether proctrack/cgroup finds the processes of a step by this process's control group. Then slurmstepd kills it,
  /// too, when the last task has ended, and waits a second for its end.
  ///
  /// - Parameter membership: the contents of /proc/PID/cgroup.
  static func isOfTrackedStep(_ membership: String) -> Bool {
    let paths = paths(membership)
    // Of version 1, proctrack/cgroup has the freezer alone. task/cgroup has the others.
    let path = paths["freezer"] ?? paths[""] ?? ""
    return path.split(separator: "/").contains { $0.hasPrefix("step_") }
  }

  /// The groups of this process, or of the one that stands for it in a recorded tree.
  init(_ files: ProcFiles) { self.init(files, pid: nil) }

  private init(_ files: ProcFiles, pid: Int32?) {
    func bytes(_ name: String) -> [UInt8] { (try? readAll(files.root.appending(name))) ?? [] }
    let name = pid.map { "\($0)" } ?? "self"
    self.init(
      membership: String(escaping: bytes("proc/\(name)/cgroup")), mounts: bytes("proc/self/mountinfo"),
      root: files.root,
      exists: { FileIdentity(at: $0)?.isDirectory ?? false })
  }

  private static func folder(_ mount: FilePath, _ inner: String) -> FilePath {
    mount.appending(inner.split(separator: "/").map { FilePath.Component(String($0)) }.compactMap { $0 })
  }

  /// The group's path by controller; "" for version 2. Lines have the form `number:controllers:path`.
  private static func paths(_ membership: String) -> [String: String] {
    var paths: [String: String] = [:]
    for line in membership.utf8.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let path = text(parts[2])
      if parts[1].isEmpty { paths[""] = path }
      for name in parts[1].split(separator: UInt8(ascii: ",")) { paths[text(name)] = path }
    }
    return paths
  }

  /// Where the hierarchies are mounted (`place`) and which part of them (`root`), by controller; "" for version 2. See
  /// mountinfo in proc(5).
  private static func mountPoints(_ mounts: [UInt8]) -> [String: (root: String, place: String)] {
    var points: [String: (root: String, place: String)] = [:]
    for mount in MountInfo.all(mounts) where mount.type.starts(with: "cgroup".utf8) {
      let point = (root: String(escaping: mount.root), place: String(escaping: mount.point))
      switch String(escaping: mount.type) {
      case "cgroup2": points[""] = points[""] ?? point
      case "cgroup":
        for option in mount.superOptions.split(separator: UInt8(ascii: ",")).map({ String(escaping: $0) })
        where controllers.contains(option) {
          points[option] = points[option] ?? point
        }
      default: break
      }
    }
    return points
  }

  private static func text(_ part: Substring.UTF8View) -> String { String(Substring(part)) }

  /// Slurm's levels in the path, and the innermost group.
  private static func levels(_ path: String) -> [(level: String, path: String)] {
    var levels: [(level: String, path: String)] = []
    var prefix = ""
    for part in path.split(separator: "/") {
      prefix += "/" + part
      for name in ["job", "step", "task"] where part.hasPrefix(name + "_") { levels.append((name, prefix)) }
    }
    if levels.last?.path != prefix || levels.isEmpty { levels.append(("own", prefix)) }
    return levels
  }

  /// The group in another hierarchy of version 1 that has the same processes, where the paths differ. Slurm need not
  /// put the job into each hierarchy: those that no plugin of it uses stay at the root, which counts the whole host.
  ///
  /// - Parameters:
  ///   - path: of the level in its own hierarchy.
  ///   - other: the innermost group in the other hierarchy.
  /// - Returns: nil if the other hierarchy has no such group.
  private static func counterpart(of level: String, _ path: String, in other: String) -> String? {
    if level == "own" { return other.contains { $0 != "/" } ? other : nil }
    let name = path.split(separator: "/").last
    return levels(other).first { $0.level == level && $0.path.split(separator: "/").last == name }?.path
  }
}
