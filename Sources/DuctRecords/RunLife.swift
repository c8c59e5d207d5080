internal import RecordText
internal import SystemCalls

/// What a record's `running` is worth: a duct that was killed together with everything else leaves it behind.
enum RunLife {
  /// A record that says `running` and was written so many seconds ago is not believed any more. duct writes it
  /// each 30 s, if it is not very large.
  static let longestSilence = 600.0

  static let running = "running"
  static let interrupted = "interrupted"
  /// It may run on another host, and nothing was heard of it for long.
  static let doubtful = "running?"

  /// - Parameters:
  ///   - presence: of its duct; nil where the record does not name it.
  ///   - isThisHost: the record names this host.
  ///   - lastUpdate: when the record was written; seconds since 1970, as the others.
  static func state(
    _ presence: DuctProcess.Presence?, isThisHost: Bool, lastUpdate: Double?, now: Double, bootTime: Double
  ) -> String {
    switch presence {
    case .alive?: return running
    case .gone?: return interrupted
    case .elsewhere?, nil: break
    }
    guard let lastUpdate else { return running }
    // This host was started since.
    if isThisHost, presence != nil, lastUpdate < bootTime { return interrupted }
    return now - lastUpdate > longestSilence ? doubtful : running
  }
}

extension RecordedRun {
  /// The state for people and programs to see: as recorded, but that a run which cannot go on any more is
  /// `interrupted`, and one of which nothing was heard for long is `running?`.
  public var presentState: String? {
    guard state == RunLife.running else { return state }
    let process = info["duct_process"].flatMap { try? RecordDecoder().decode(DuctProcess.self, from: $0) }
    return RunLife.state(
      process?.presence, isThisHost: info["system"]?["hostname"]?.string == fullHostName(),
      lastUpdate: lastUpdate, now: WallTime.now.seconds, bootTime: HostConstants.current.bootTime)
  }

  /// When the record was written.
  private var lastUpdate: Double? {
    if let time = info["last_update_time"]?.double { return time }
    // Older records: the time that the run had taken when it was written.
    guard let start = summary?["start_time"]?.double, let elapsed = summary?["wall_clock_time"]?.double else {
      return nil
    }
    return start + elapsed
  }
}
