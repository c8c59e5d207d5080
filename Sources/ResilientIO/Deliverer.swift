internal import OrderedCollections
public import SystemCalls
public import SystemPackage

/// Delivers files into the log directory on its own thread, so that no other thread waits for that directory.
///
/// After a failure, it retries immediately with a fresh descriptor, up to three tries. Then it keeps what is to
/// be written and retries after a pause, which grows to 60 s, until it succeeds or the run ends. A new Kerberos
/// ticket ends the pause. It reports an episode of failures once at its start and once at its end.
public final class Deliverer: Sendable {
  /// A report about the log directory.
  public enum Notice: Sendable {
    /// The first failure of an episode.
    case began(IOFailure)
    /// Everything that had failed is written.
    case ended(tries: Int, seconds: Double)
    /// Another file has the name of ours. Ours continues at `place`.
    case displaced(FilePath, place: FilePath)
    /// Someone removed or truncated a file. It is restored, except for this many bytes.
    case restored(FilePath, missing: Int)
    /// This many waiting bytes could not be read back. A mark or a hole stands for them.
    case lost(FilePath, bytes: Int)
    /// `events` has changed.
    case eventsHaveChanged
  }

  /// Something that could not be written.
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
    /// When to begin with a file; without an entry, immediately.
    var starts: [FilePath: MonotonicInstant] = [:]
    var events = IOEventList()
    /// Grows with each change of `events`.
    var eventCount = 0
    /// The latest content of each replaced file, and the value of `eventCount` when it was made.
    var contents: [FilePath: (make: @Sendable () -> [UInt8], eventCount: Int)] = [:]
    /// Files to replace once more at the end, because failed calls have left temporary files beside them.
    var uncleaned: Set<FilePath> = []
    /// All growing sources.
    var sources: [FilePath: any GrowingSource] = [:]
    var known: [FilePath: Knowledge] = [:]
    /// Paths whose name becomes ours for one turn, even if another file has it.
    var taken: Set<FilePath> = []
    /// Where files are, if not at their paths.
    var places: [FilePath: FilePath] = [:]
    /// The file that the thread is working on.
    var current: FilePath?
    var isFinishing = false
    /// Nothing that waits is tried any more.
    var isAbandoned = false
    /// What failed while finishing.
    var failed: [Leftover] = []
    /// `failed`, after everything was tried.
    var leftovers: [Leftover]?
  }

  /// What earlier processes of the run have recorded about a file.
  struct Knowledge: Sendable {
    var memory: (any TargetMemory)?
    var proven = 0
    var isSuccessor = false
    var old: FileDescriptor?
  }

  enum Work: Sendable {
    /// The whole content, made right before it is written, so that it is the latest.
    case replacement(@Sendable () -> [UInt8])
    case growth(any GrowingSource)
    /// Nothing more is written: remove what earlier processes have left beside the file.
    case cleaning

    var bytesWaiting: Int {
      if case .growth(let source) = self { return source.readableLength }
      return 0
    }

    var isCleaning: Bool { if case .cleaning = self { true } else { false } }
  }

  private let state: Monitor<State>

  /// - Parameters:
  ///   - runID: used for names beside a file whose name another file has.
  ///   - credentials: checked once a second while a credential error prevents writing.
  ///   - makesDirectories: creates the missing directory of a file, until it has existed once.
  ///   - notify: called on the deliverer's thread.
  public init(
    runID: String, credentials: CredentialCache? = nil, makesDirectories: Bool = false,
    notify: @escaping @Sendable (Notice) -> Void
  ) throws(Errno) {
    let state = Monitor(State())
    self.state = state
    let body = FileCalls.handingOnDriver {
      var loop = DeliveryLoop(
        state: state, runID: runID, credentials: credentials, makesDirectories: makesDirectories,
        notify: notify)
      loop.run()
    }
    _ = try OwnThread("duct deliverer", stackSize: 1 << 20, body: body)
  }

  /// Replaces the file at `path` by the result of `content`. Drops an earlier replacement that still waits.
  ///
  /// - Parameters:
  ///   - start: when to begin. Nil: immediately. `finish` does not wait for it.
  ///   - content: called on the deliverer's thread.
  public func replace(
    _ path: FilePath, after start: MonotonicInstant? = nil, with content: @escaping @Sendable () -> [UInt8]
  ) {
    state.update { state in
      state.work[path] = .replacement(content)
      state.starts[path] = start
    }
  }

  /// Delivers what `source` has and what is not yet delivered. Call it each time the source has grown.
  ///
  /// - Parameter pause: seconds to wait before the first time, so that the rest of a short run can arrive.
  ///   `finish` ends the pause.
  public func deliver(_ source: any GrowingSource, to path: FilePath, afterPause pause: Double = 0) {
    state.update { state in
      if pause > 0, state.sources[path] == nil { state.starts[path] = .now + pause }
      state.work[path] = .growth(source)
      state.sources[path] = source
    }
  }

  /// Sets where the identity of the file at `path` is noted.
  ///
  /// - Parameters:
  ///   - proven: bytes of it that earlier processes have proven.
  ///   - isSuccessor: earlier processes may have left temporary files.
  ///   - old: the file that has these bytes, if it is not at `path`. The deliverer closes it.
  public func know(
    _ path: FilePath, by memory: any TargetMemory, proven: Int = 0, isSuccessor: Bool = false,
    old: FileDescriptor? = nil
  ) {
    state.update {
      $0.known[path] = Knowledge(memory: memory, proven: proven, isSuccessor: isSuccessor, old: old)
    }
  }

  /// Makes the name `path` ours, even if another run has put its file there; that run continues beside it. Valid
  /// only for the next turn of that file; request that turn immediately. A run that takes the name later keeps it.
  public func take(_ path: FilePath) { state.update { $0.taken.insert(path) } }

  /// All episodes so far.
  public var events: [IOEvent] { state.withLock { $0.events.events } }

  /// Where the file of that path is: beside it, if another file has its name.
  public func place(of path: FilePath) -> FilePath { state.withLock { $0.places[path] ?? path } }

  /// Drops everything that waits and ends the thread, after the file that it is working on.
  ///
  /// - Returns: false if the thread has not ended by the deadline.
  public func abandon(until deadline: MonotonicInstant?) -> Bool {
    state.update { $0.isAbandoned = true }
    return state.wait(until: deadline) { $0.leftovers.map { _ in true } } ?? false
  }

  /// Tries everything that waits once more and ends the thread.
  ///
  /// - Returns: what was not written by the deadline.
  public func finish(until deadline: MonotonicInstant?) -> [Leftover] {
    state.update { state in
      if state.isFinishing { return }
      state.isFinishing = true
      // Each source once more, also if everything is written: a server reports some errors only at close.
      for (path, source) in state.sources where state.work[path] == nil { state.work[path] = .growth(source) }
      // An earlier process may have begun a file to which this one delivers nothing.
      for (path, knowledge) in state.known
      where knowledge.isSuccessor && state.work[path] == nil && state.contents[path] == nil {
        state.work[path] = .cleaning
      }
    }
    return state.wait(until: deadline) { $0.leftovers }
      ?? state.withLock { state in
        let paths = (state.current.map { [$0] } ?? []) + state.work.keys
        return state.failed + paths.map { Leftover(path: $0, bytes: 0, failure: "it does not answer") }
      }
  }
}
