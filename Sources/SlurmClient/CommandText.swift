internal import RecordText
internal import SlurmJobs

/// Parses values that Slurm's commands print. Texts that mean "not set" become nil.
enum CommandText {
  /// A name or list; nil for the texts that squeue and sacct print if there is none.
  static func value(_ text: String) -> String? {
    ["", "(null)", "N/A"].contains(text) ? nil : text
  }

  static func number(_ text: String) -> UInt32? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    return UInt32(digits).flatMap { $0 >= 0xFFFF_FFFE ? nil : $0 }
  }

  /// Seconds since 1970, the format set by SLURM_TIME_FORMAT; nil for `N/A`, `Unknown` and `None`.
  static func time(_ text: String) -> Int? {
    Int(text).flatMap { $0 > 0 && $0 < 0xFFFF_FFFE ? $0 : nil }
  }

  /// Seconds from `[days-][[hours:]minutes:]seconds[.fraction]`; nil for `UNLIMITED`, `NOT_SET`, `INVALID`.
  static func duration(_ text: String) -> Double? {
    let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let clock = parts.last, !clock.isEmpty else { return nil }
    var seconds = 0.0
    for part in clock.split(separator: ":", omittingEmptySubsequences: false) {
      guard let number = Double(part), number >= 0 else { return nil }
      seconds = seconds * 60 + number
    }
    guard parts.count == 2 else { return seconds }
    return Int(parts[0]).map { Double($0) * 86400 + seconds }
  }

  /// A status in the format of wait(2), from `3:0` (code and signal) or from the status as a number.
  static func exitStatus(_ text: String) -> UInt32? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let first = parts.first.flatMap({ UInt32($0) }) else { return nil }
    guard parts.count == 2 else { return first >= 0xFFFF_FFFE ? nil : first }
    return UInt32(parts[1]).map { (first & 0xFF) << 8 | $0 & 0x7F }
  }

  /// The amount of one resource in a list of a step's resource use, such as `cpu=00:00:01,mem=10956800,vmem=…`.
  static func amount(_ name: String, in use: String) -> Int64? {
    for entry in use.split(separator: ",") where entry.hasPrefix(name + "=") {
      return Int64(entry.dropFirst(name.count + 1))
    }
    return nil
  }

  /// Sorts a list of resources by Slurm's own numbers. sacct sorts it by name.
  static func inOrder(_ list: String) -> String {
    let names = TresText.standardNames.sorted { $0.key < $1.key }.map(\.value)
    func place(_ entry: Substring) -> Int {
      names.firstIndex(of: String(entry.prefix { $0 != "=" })) ?? names.count
    }
    // Resources without a fixed number keep their order.
    let entries = list.split(separator: ",").enumerated().sorted {
      (place($0.element), $0.offset) < (place($1.element), $1.offset)
    }
    return entries.map { String($0.element) }.joined(separator: ",")
  }

  /// The user who cancelled a job, from `CANCELLED by 1000`.
  static func canceller(_ text: String) -> UInt32? {
    let mark = "CANCELLED by "
    return text.hasPrefix(mark) ? number(String(text.dropFirst(mark.count))) : nil
  }

  /// The base state and flags. Slurm prints a single word, so with a flag, the base state is not known.
  static func state(_ text: String) -> (JobState, flags: [String]) {
    // `CANCELLED by 1000`.
    let word = String(text.prefix { $0 != " " })
    switch word {
    case "REQUEUED": return (.pending, ["REQUEUE"])
    case "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD", "POWER_UP_NODE", "EXPEDITING":
      return (.pending, [word])
    case "REVOKED": return (.cancelled, [word])
    // Slurm is ending processes or moving files: the job has not ended.
    case "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED":
      return (.running, [word])
    default: return (JobState(rawValue: word), [])
    }
  }
}
