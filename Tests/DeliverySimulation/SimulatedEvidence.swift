#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay

  /// What is known about a history when it is checked: the bytes that may be missing, and the events that happened.
  struct SimulatedEvidence {
    /// The range that each mark stands for, by its first byte, for each stream.
    var marked: [[Int: Range<Int>]] = [[:], [:]]
    /// The greatest released offset of each stream.
    var maxReleased = [0, 0]
    /// The path of each file when the last carrier ended.
    var lastPlaces: [String: String] = [:]
    /// Ranges that rivals truncated or removed from a log file that the relay writes itself. No second copy of them
    /// exists.
    var takenAway: [[Range<Int>]] = [[], []]
    /// A rival has truncated, removed or replaced a file of the run, or a server has lost data that it had
    /// confirmed.
    var wasTamperedWith = false
    var wasKilled = false
    /// A store has lost bytes that were already delivered, so they cannot repair what rivals do to the log file.
    var storesLost = false
    var hadFaults = false
    /// A removal found no files, since the directory was away.
    var wasAwayAtRemoval = false
    /// The first error of the relay.
    private(set) var fault: String?

    mutating func fault(_ text: String) { fault = fault ?? text }

    /// Collects what the page records at the moment. It forgets some of it later.
    mutating func collect(from status: RelayStatus) {
      for index in marked.indices {
        maxReleased[index] = max(maxReleased[index], status.released(stream: index))
        let (dropped, unreadable) = (status.dropped(stream: index), status.unreadable(stream: index))
        for item in dropped.closed + unreadable.closed { marked[index][item.range.lowerBound] = item.range }
      }
    }
  }
#endif
