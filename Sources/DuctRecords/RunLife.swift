internal import RecordText
internal import SystemCalls

/// Decides whether a record's `running` is still true: if duct and its relay were killed together, nothing has
/// changed it.
enum RunLife {
  /// Seconds. If a record says `running` and is older than this, it is doubtful. duct writes it every 30 s, unless it
  /// is large.
  static func longestSilence(_ size: Int) -> Double { 600 + Double(size) * silencePerByte }
  /// With 10 MB, duct writes the record each minute. It may take longer where CPUs are slow.
  private static let silencePerByte = 12e-6

  static let running = "running"
  static let interrupted = "interrupted"
  /// The run may still be running on another host, but its record is old.
  static let doubtful = "running?"

  /// The members that `presentState` needs.
  static let members: Set<String> = [
    "run_state", "duct_pid", "duct_start_ticks", "duct_boot_id", "duct_pid_namespace", "hostname",
    "last_update_time", "start_time", "wall_clock_time",
  ]

  /// - Parameters:
  ///   - presence: whether its duct still exists; nil if the record does not name it.
  ///   - isThisHost: the record names this host.
  ///   - lastUpdate: when the record was written. All times are in seconds since 1970.
  ///   - size: the length of the record in bytes.
  static func state(
    _ presence: DuctProcess.Presence?, isThisHost: Bool, lastUpdate: Double?, now: Double, bootTime: Double,
    size: Int
  ) -> String {
    switch presence {
    case .alive?: return running
    case .gone?: return interrupted
    case .elsewhere?, nil: break
    }
    guard let lastUpdate else { return running }
    // This host was booted after the record was written.
    if isThisHost, presence != nil, lastUpdate < bootTime { return interrupted }
    return now - lastUpdate > longestSilence(size) ? doubtful : running
  }
}

extension RecordedRun {
  /// The state to show to users and programs. As recorded, except for a run that is recorded as `running`: it
  /// is `interrupted` if it cannot be running, and `running?` if its record is old.
  public var presentState: String? {
    guard state == RunLife.running else { return state }
    // Also in a record of which only some members were read.
    let process = try? DuctProcess(info["duct_process"] ?? info)
    return RunLife.state(
      process?.presence, isThisHost: find("hostname")?.string == fullHostName(),
      lastUpdate: lastUpdate, now: WallTime.now.seconds, bootTime: HostConstants.current.bootTime,
      size: size)
  }

  /// When the record was written, in seconds since 1970.
  private var lastUpdate: Double? {
    if let time = find("last_update_time")?.double { return time }
    // Older records: the start, and the time that the run had taken when the record was written.
    guard let start = find("start_time")?.double, let elapsed = find("wall_clock_time")?.double else {
      return nil
    }
    return start + elapsed
  }
}
