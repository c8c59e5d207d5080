internal import OrderedCollections
public import SystemCalls
public import SystemPackage

/// Carries files to the log directory, on a thread of its own: nobody else waits for that directory.
///
/// A failure is met by trying again at once with a fresh descriptor, three times; then what is to be
/// written is kept and tried again after a pause that grows to 60 s, until it succeeds or the run ends. A
/// new Kerberos ticket ends the pause. An episode is told once when it begins and once when it ends.
public final class Deliverer: Sendable {
  /// What is told of the log directory.
  public enum Notice: Sendable {
    /// The first failure, while all had been well.
    case began(IOFailure)
    /// Everything that had failed is written.
    case ended(tries: Int, seconds: Double)
    /// Another file has taken the place of ours, which goes on at another.
    case displaced(FilePath, place: FilePath)
    /// A file was removed or shortened by another, and is whole again but for so many bytes.
    case restored(FilePath, missing: Int)
    /// So many bytes could not be read back from where they waited: a mark, or a hole, stands for them.
    case lost(FilePath, bytes: Int)
    /// `events` has changed.
    case eventsHaveChanged
  }

  /// Something that was not written.
  public struct Leftover: Sendable, Equatable {
    public var path: FilePath
    public var bytes: Int
    public var failure: String?

    public init(path: FilePath, bytes: Int, failure: String?) {
      self.path = path
      self.bytes = bytes
      self.failure = failure
    }
  }

  struct State: Sendable {
    var work: OrderedDictionary<FilePath, Work> = [:]
    /// When to begin with a file, where that is not at once.
    var starts: [FilePath: MonotonicInstant] = [:]
    var events: [IOEvent] = []
    /// Grows with every change of `events`.
    var eventCount = 0
    /// The latest content of each file that is replaced, and what `eventCount` was when it was made.
    var contents: [FilePath: (make: @Sendable () -> [UInt8], eventCount: Int)] = [:]
    /// Files that are replaced once more at the end, for what failing calls have left beside them.
    var uncleaned: Set<FilePath> = []
    /// All that grow.
    var sources: [FilePath: any GrowingSource] = [:]
    var known: [FilePath: Knowledge] = [:]
    /// Names that are ours whoever has them, for one turn.
    var taken: Set<FilePath> = []
    /// Where files are, if not at their paths.
    var places: [FilePath: FilePath] = [:]
    /// What the thread is at.
    var current: FilePath?
    var isHurried = false
    var isFinishing = false
    /// What failed while finishing.
    var failed: [Leftover] = []
    /// The same, once all was tried.
    var leftovers: [Leftover]?
  }

  /// What is known of a file beforehand.
  struct Knowledge: Sendable {
    var memory: (any TargetMemory)?
    var proven = 0
    var isSuccessor = false
  }

  enum Work: Sendable {
    /// The whole content, made when it is about to be written: the latest is good enough.
    case replacement(@Sendable () -> [UInt8])
    case growth(any GrowingSource)

    var bytesWaiting: Int {
      if case .growth(let source) = self { return source.readableLength }
      return 0
    }
  }

  private let state: Monitor<State>

  /// - Parameters:
  ///   - runID: makes names of our own beside files that another has taken.
  ///   - credentials: looked at once a second while it is their fault that nothing can be written.
  ///   - makesDirectories: makes the directory of a file where it is missing, until it has been there once.
  ///   - notify: called on the deliverer's thread.
  public init(
    runID: String, credentials: CredentialCache? = nil, makesDirectories: Bool = false,
    notify: @escaping @Sendable (Notice) -> Void
  ) throws(Errno) {
    let state = Monitor(State())
    self.state = state
    _ = try OwnThread("duct deliverer", stackSize: 1 << 20) {
      var loop = DeliveryLoop(
        state: state, runID: runID, credentials: credentials, makesDirectories: makesDirectories,
        notify: notify)
      loop.run()
    }
  }

  /// Replaces the file at `path` by what `content` gives. A replacement that still waits is dropped.
  ///
  /// - Parameters:
  ///   - start: when to begin; at once without it, and in any case when everything is finished.
  ///   - content: called on the deliverer's thread.
  public func replace(
    _ path: FilePath, after start: MonotonicInstant? = nil, with content: @escaping @Sendable () -> [UInt8]
  ) {
    state.update { state in
      state.work[path] = .replacement(content)
      state.starts[path] = start
    }
  }

  /// Carries what `source` has, and has not been carried yet. To be called whenever it has grown.
  ///
  /// - Parameter pause: seconds to wait before the first time, in which the rest may come. It ends when everything is
  ///   finished.
  public func deliver(_ source: any GrowingSource, to path: FilePath, afterPause pause: Double = 0) {
    state.update { state in
      if pause > 0, state.sources[path] == nil { state.starts[path] = .now + pause }
      state.work[path] = .growth(source)
      state.sources[path] = source
    }
  }

  /// Where it is noted which file of that path is ours.
  ///
  /// - Parameters:
  ///   - proven: bytes of it that are in order, by earlier processes.
  ///   - isSuccessor: earlier processes may have left temporary names.
  public func know(_ path: FilePath, by memory: any TargetMemory, proven: Int = 0, isSuccessor: Bool = false)
  {
    state.update { $0.known[path] = Knowledge(memory: memory, proven: proven, isSuccessor: isSuccessor) }
  }

  /// That name shall be ours, even if another run puts its file there again meanwhile: that one goes on
  /// beside it. Holds for the next turn of that file alone, which is to be had at once: a run that takes the name
  /// later keeps it.
  public func take(_ path: FilePath) { state.update { $0.taken.insert(path) } }

  /// Tries everything that waits, whatever pause it has.
  public func hurry() { state.update { $0.isHurried = true } }

  /// All episodes so far.
  public var events: [IOEvent] { state.withLock { $0.events } }

  /// Where the file of that path is: beside it, if another has taken its name.
  public func place(of path: FilePath) -> FilePath { state.withLock { $0.places[path] ?? path } }

  /// Tries everything that waits once more, and ends the thread.
  ///
  /// - Returns: what was not written by the deadline.
  public func finish(until deadline: MonotonicInstant?) -> [Leftover] {
    state.update { state in
      if state.isFinishing { return }
      state.isFinishing = true
      // Each once more, also those that have all: what a server says at close is heard only then.
      for (path, source) in state.sources where state.work[path] == nil { state.work[path] = .growth(source) }
    }
    return state.wait(until: deadline) { $0.leftovers }
      ?? state.withLock { state in
        let paths = (state.current.map { [$0] } ?? []) + state.work.keys
        return state.failed + paths.map { Leftover(path: $0, bytes: 0, failure: "it does not answer") }
      }
  }
}
