internal import RecordText
internal import SystemCalls

/// Decides whether a record's `running` is still true: if duct and its relay were killed together, nothing has
/// changed it.
enum RunLife {
  /// Seconds. If a record says `running` and is older than this, it is doubtful. duct writes it every 30 s,
  /// unless it is very large.
  static let longestSilence = 600.0

  static let running = "running"
  static let interrupted = "interrupted"
  /// The run may still be running on another host, but its record is old.
  static let doubtful = "running?"

  /// - Parameters:
  ///   - presence: whether its duct still exists; nil if the record does not name it.
  ///   - isThisHost: the record names this host.
  ///   - lastUpdate: when the record was written. All times are in seconds since 1970.
  static func state(
    _ presence: DuctProcess.Presence?, isThisHost: Bool, lastUpdate: Double?, now: Double, bootTime: Double
  ) -> String {
    switch presence {
    case .alive?: return running
    case .gone?: return interrupted
    case .elsewhere?, nil: break
    }
    guard let lastUpdate else { return running }
    // This host was booted after the record was written.
    if isThisHost, presence != nil, lastUpdate < bootTime { return interrupted }
    return now - lastUpdate > longestSilence ? doubtful : running
  }
}

extension RecordedRun {
  /// The state to show to users and programs. As recorded, except for a run that is recorded as `running`: it
  /// is `interrupted` if it cannot be running, and `running?` if its record is old.
  public var presentState: String? {
    guard state == RunLife.running else { return state }
    let process = info["duct_process"].flatMap { try? DuctProcess($0) }
    return RunLife.state(
      process?.presence, isThisHost: info["system"]?["hostname"]?.string == fullHostName(),
      lastUpdate: lastUpdate, now: WallTime.now.seconds, bootTime: HostConstants.current.bootTime)
  }

  /// When the record was written, in seconds since 1970.
  private var lastUpdate: Double? {
    if let time = info["last_update_time"]?.double { return time }
    // Older records: the start, and the time that the run had taken when the record was written.
    guard let start = summary?["start_time"]?.double, let elapsed = summary?["wall_clock_time"]?.double else {
      return nil
    }
    return start + elapsed
  }
}
