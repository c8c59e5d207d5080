internal import DuctRecords
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Finds the control groups of this process, and reads them.
struct ControlGroups: Sendable {
  /// One level of the hierarchy, with its folder by controller.
  private struct Place {
    var level: String
    var path: String
    var folders: [String: FilePath]
    var isUnified: Bool
  }

  private let places: [Place]
  /// The folders of memory and processor limits, from the innermost outwards.
  private let memoryFolders: [FilePath]
  private let processorFolders: [FilePath]
  private let isUnified: Bool

  private static let controllers = ["memory", "cpu", "cpuacct"]

  /// - Parameters:
  ///   - membership: what /proc/PID/cgroup holds.
  ///   - mounts: what /proc/PID/mountinfo holds.
  ///   - exists: whether there is such a folder.
  init(membership: String, mounts: String, exists: (FilePath) -> Bool) {
    var paths: [String: String] = [:]
    for line in membership.utf8.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let path = Self.text(parts[2])
      if parts[1].isEmpty { paths[""] = path }
      for name in parts[1].split(separator: UInt8(ascii: ",")) { paths[Self.text(name)] = path }
    }
    let points = Self.mountPoints(mounts)
    func folder(_ controller: String) -> (mount: FilePath, inner: String)? {
      guard let path = paths[controller], let point = points[controller] else { return nil }
      // In a cgroup namespace, or where a part of the hierarchy is mounted, the path begins at its root.
      let inner =
        point.root != "/" && (path == point.root || path.hasPrefix(point.root + "/"))
        ? String(path.dropFirst(point.root.count)) : path
      let mount = FilePath(escaped: point.place)
      return exists(Self.folder(mount, inner)) ? (mount, inner) : nil
    }
    // Version 1 has memory in a hierarchy of its own, also beside an empty unified one.
    isUnified = folder("memory") == nil
    let found = (isUnified ? [""] : Self.controllers).compactMap { name in
      folder(name).map { (name: name, mount: $0.mount, inner: $0.inner) }
    }
    let main = found.first
    places = Self.levels(main?.inner ?? "").compactMap { level, inner in
      guard let main else { return nil }
      var folders: [String: FilePath] = [:]
      for one in found {
        // The same level of the other hierarchies; Slurm has them in step.
        let path = one.inner == main.inner ? inner : one.inner
        folders[one.name] = Self.folder(one.mount, path)
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

  /// Those of this process.
  static var own: ControlGroups {
    func text(_ path: FilePath) -> String { (try? readAll(path)).map { String(escaping: $0) } ?? "" }
    return ControlGroups(
      membership: text("/proc/self/cgroup"), mounts: text("/proc/self/mountinfo"),
      exists: { FileIdentity(at: $0)?.isDirectory ?? false })
  }

  private static func folder(_ mount: FilePath, _ inner: String) -> FilePath {
    mount.appending(inner.split(separator: "/").map { FilePath.Component(String($0)) }.compactMap { $0 })
  }

  /// By controller; "" for version 2.
  private static func mountPoints(_ mounts: String) -> [String: (root: String, place: String)] {
    var points: [String: (root: String, place: String)] = [:]
    // On bytes: this is done at the start of a run, and a host may have hundreds of mounts.
    for line in mounts.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " "))
      guard let dash = words.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash + 3 < words.count,
        words.count > 4, words[dash + 1].starts(with: "cgroup".utf8)
      else { continue }
      let point = (root: text(words[3]), place: text(words[4]))
      switch text(words[dash + 1]) {
      case "cgroup2": points[""] = points[""] ?? point
      case "cgroup":
        for option in words[dash + 3].split(separator: UInt8(ascii: ",")).map(text)
        where controllers.contains(option) {
          points[option] = points[option] ?? point
        }
      default: break
      }
    }
    return points
  }

  private static func text(_ part: Substring.UTF8View) -> String { String(Substring(part)) }

  /// Slurm's levels that are in the path, and the innermost group.
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

  // MARK: Values

  /// The smallest limit of memory on the way out, in bytes.
  var memoryLimit: Int? {
    memoryFolders.compactMap { Self.limit($0, isUnified ? "memory.max" : "memory.limit_in_bytes") }.min()
  }

  /// The smallest limit of processor time on the way out, in cores.
  var processorLimit: Double? { processorFolders.compactMap { quota($0) }.min() }

  private func quota(_ folder: FilePath) -> Double? {
    if isUnified {
      let words = Self.words(folder, "cpu.max")
      guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0 else {
        return nil
      }
      return quota / period
    }
    guard let quota = Self.words(folder, "cpu.cfs_quota_us").first.flatMap(Double.init), quota > 0,
      let period = Self.words(folder, "cpu.cfs_period_us").first.flatMap(Double.init), period > 0
    else { return nil }
    return quota / period
  }

  /// What the groups say now.
  func read() -> [ControlGroup] { places.map(read) }

  private func read(_ place: Place) -> ControlGroup {
    var group = ControlGroup(level: place.level, path: place.path, version: place.isUnified ? 2 : 1)
    if place.isUnified, let folder = place.folders[""] {
      group.memoryPeak = Self.words(folder, "memory.peak").first.flatMap { Int($0) }
      group.memoryLimit = Self.limit(folder, "memory.max")
      group.cpuSeconds = Self.field(folder, "cpu.stat", "usage_usec").map { $0 / 1e6 }
      group.throttledSeconds = Self.field(folder, "cpu.stat", "throttled_usec").map { $0 / 1e6 }
      group.cpuLimit = quota(folder)
      group.oomKills = Self.field(folder, "memory.events", "oom_kill").flatMap { Int(exactly: $0) }
      return group
    }
    if let folder = place.folders["memory"] {
      group.memoryPeak = Self.words(folder, "memory.max_usage_in_bytes").first.flatMap { Int($0) }
      group.memoryLimit = Self.limit(folder, "memory.limit_in_bytes")
      group.oomKills = Self.field(folder, "memory.oom_control", "oom_kill").flatMap { Int(exactly: $0) }
    }
    if let folder = place.folders["cpuacct"] {
      group.cpuSeconds = Self.words(folder, "cpuacct.usage").first.flatMap(Double.init).map { $0 / 1e9 }
    }
    if let folder = place.folders["cpu"] {
      group.throttledSeconds = Self.field(folder, "cpu.stat", "throttled_time").map { $0 / 1e9 }
      group.cpuLimit = quota(folder)
    }
    return group
  }

  private static func words(_ folder: FilePath, _ name: String) -> [String] {
    guard let bytes = try? readAll(folder.appending(name), limit: 64 << 10) else { return [] }
    return String(escaping: bytes).split(whereSeparator: \.isWhitespace).map(String.init)
  }

  private static func limit(_ folder: FilePath, _ name: String) -> Int? {
    // Version 1 has the largest multiple of a page for none.
    guard let value = words(folder, name).first.flatMap({ Int($0) }), value > 0, value < 1 << 60 else {
      return nil
    }
    return value
  }

  /// The number behind a name.
  private static func field(_ folder: FilePath, _ file: String, _ name: String) -> Double? {
    let words = words(folder, file)
    guard let place = words.firstIndex(of: name), place + 1 < words.count else { return nil }
    return Double(words[place + 1])
  }
}
