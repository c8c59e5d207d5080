internal import DuctRecords
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Limits and counters of the control groups. See the kernel's cgroup-v1 and cgroup-v2 documents.
extension ControlGroups {
  /// Version 1 has the largest multiple of the page size below 2^63 for no limit. No host has so much memory.
  private static let noLimit = 1 << 60
  /// Bytes: more than any of these files has.
  private static let largestFile = 64 << 10
  private static let microsecondsPerSecond = 1e6

  /// The smallest memory limit of the groups and the groups around them, in bytes. Nil without a limit.
  var memoryLimit: Int? {
    memoryFolders.compactMap { Self.limit($0, isUnified ? "memory.max" : "memory.limit_in_bytes") }.min()
  }

  /// The smallest limit of CPU time of the groups and the groups around them, in cores. Nil without a limit.
  var processorLimit: Double? { processorFolders.compactMap { quota($0) }.min() }

  /// The current values, from the outermost group to the innermost.
  func read() -> [ControlGroup] { places.map(read) }

  private func read(_ place: Place) -> ControlGroup {
    var group = ControlGroup(level: place.level, path: place.path, version: place.isUnified ? 2 : 1)
    func seconds(_ number: Double?, _ unitsPerSecond: Double) -> Double? {
      number.map { $0 / unitsPerSecond }
    }
    if place.isUnified, let folder = place.folders[""] {
      group.memoryPeak = Self.words(folder, "memory.peak").first.flatMap { Int($0) }
      group.memoryLimit = Self.limit(folder, "memory.max")
      group.cpuSeconds = seconds(Self.field(folder, "cpu.stat", "usage_usec"), Self.microsecondsPerSecond)
      group.throttledSeconds = seconds(
        Self.field(folder, "cpu.stat", "throttled_usec"), Self.microsecondsPerSecond)
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
      group.cpuSeconds = seconds(
        Self.words(folder, "cpuacct.usage").first.flatMap(Double.init), nanosecondsPerSecond)
    }
    if let folder = place.folders["cpu"] {
      group.throttledSeconds = seconds(
        Self.field(folder, "cpu.stat", "throttled_time"), nanosecondsPerSecond)
      group.cpuLimit = quota(folder)
    }
    return group
  }

  /// The limit of CPU time of one group, in cores: quota divided by period. Nil without a limit.
  private func quota(_ folder: FilePath) -> Double? {
    if isUnified {
      // "max 100000" without a limit.
      let words = Self.words(folder, "cpu.max")
      guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0 else {
        return nil
      }
      return quota / period
    }
    // -1 without a limit.
    guard let quota = Self.words(folder, "cpu.cfs_quota_us").first.flatMap(Double.init), quota > 0,
      let period = Self.words(folder, "cpu.cfs_period_us").first.flatMap(Double.init), period > 0
    else { return nil }
    return quota / period
  }

  private static func limit(_ folder: FilePath, _ name: String) -> Int? {
    guard let value = words(folder, name).first.flatMap({ Int($0) }), value > 0, value < noLimit else {
      return nil
    }
    return value
  }

  /// The number behind a name, in a file with lines of the form `name number`.
  private static func field(_ folder: FilePath, _ file: String, _ name: String) -> Double? {
    let words = words(folder, file)
    guard let place = words.firstIndex(of: name), place + 1 < words.count else { return nil }
    return Double(words[place + 1])
  }

  private static func words(_ folder: FilePath, _ name: String) -> [String] {
    guard let bytes = try? readAll(folder.appending(name), limit: largestFile) else { return [] }
    return String(escaping: bytes).split(whereSeparator: \.isWhitespace).map(String.init)
  }
}
