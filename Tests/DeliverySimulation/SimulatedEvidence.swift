#if DEBUG || DUCT_SIMULATION
  @testable import OutputRelay

  /// What is known of a history when it is checked: what is rightly missing, and what has happened to it.
  struct SimulatedEvidence {
    /// What marks stand for in each stream, by the first byte.
    var marked: [[Int: Range<Int>]] = [[:], [:]]
    /// How far each stream was given back at most.
    var maxReleased = [0, 0]
    /// Where each file was when the last carrier ended.
    var lastPlaces: [String: String] = [:]
    /// What others have cut off a log file that the relay writes itself, or removed with it: it has no second copy.
    var takenAway: [[Range<Int>]] = [[], []]
    /// Others have cut, removed or replaced a file of the run, or a server has lost what it had confirmed.
    var wasTamperedWith = false
    var wasKilled = false
    /// A store has lost bytes that were delivered already: nobody can mend with them what others do to the log file.
    var storesLost = false
    var hadFaults = false
    /// A removal found nothing, since the directory was away.
    var wasAwayAtRemoval = false
    /// The first thing that the relay did wrong.
    private(set) var fault: String?

    mutating func fault(_ text: String) { fault = fault ?? text }

    /// What a page says now. It forgets some of it later.
    mutating func collect(from status: RelayStatus) {
      for index in marked.indices {
        maxReleased[index] = max(maxReleased[index], status.released(stream: index))
        let (dropped, unreadable) = (status.dropped(stream: index), status.unreadable(stream: index))
        for item in dropped.closed + unreadable.closed { marked[index][item.range.lowerBound] = item.range }
      }
    }
  }
#endif
