#if DEBUG
  import Glibc
  internal import Synchronization
  internal import SystemPackage

  /// Stands in front of the file calls of one thread, in tests: it notes them, and makes some fail as no file system can be
  /// made to. After the mocking driver of swift-system.
  ///
  /// A driver belongs to the thread that called `withMocking`, so tests with drivers run side by side. A thread that
  /// ResilientIO starts gets the driver of the thread that starts it (`handingOn`): what one deliverer does on its thread is
  /// in the trace of the test that made the deliverer, and in no other. When `withMocking` returns, its driver retires:
  /// a thread that still has it then makes its calls as if there were none.
  ///
  /// Release builds have no driver, and nothing that asks for one.
  final class CallDriver: Sendable {
    /// A call that is about to be made.
    struct Call: Sendable {
      /// open, read, write, fsync, truncate, close, stat, rename (also for link(2) and the exchange of two names), unlink,
      /// mkdir.
      var name: String
      /// The name that the call gives, takes, or looks at. nil for calls on a descriptor.
      var path: FilePath?
      /// 1 for the first call of that name under this driver.
      var number: Int
    }

    /// What becomes of a call. A close(2) is made in any case, and has the error then: its descriptor must not be left open.
    enum Fate: Sendable {
      /// The call is not made, and has this error.
      case fails(Errno)
      /// The call is made; if it succeeds, the caller gets this error all the same, as when a server's answer is lost.
      case loses(Errno)
    }

    /// Asked before each call; without a fate the call is made as usual. It may change files, as another process would in
    /// this moment.
    typealias Rule = @Sendable (Call) -> Fate?

    private struct State {
      var trace: [Call] = []
      var counts: [String: Int] = [:]
      var isRetired = false
    }

    private let rule: Rule
    private let state = Mutex(State())

    private init(_ rule: @escaping Rule) { self.rule = rule }

    /// All calls so far, in order, those of threads that the driver was handed on to included.
    var trace: [Call] { state.withLock { $0.trace } }

    /// How often that call was made, or made to fail.
    func count(_ name: String) -> Int { state.withLock { $0.counts[name] ?? 0 } }

    /// Runs `body` with a driver of its own in front of this thread's calls, and those of threads that are started by it.
    ///
    /// `body` cannot be async: after an await it could go on in another thread.
    static func withMocking<Result>(
      _ rule: @escaping Rule = { _ in nil }, _ body: (CallDriver) throws -> Result
    ) rethrows -> Result {
      let driver = CallDriver(rule)
      defer { driver.state.withLock { $0.isRetired = true } }
      return try driver.inFront { try body(driver) }
    }

    /// The body of a new thread, with the driver of the thread that starts it.
    static func handingOn(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
      guard let driver = current else { return body }
      return { driver.inFront(body) }
    }

    /// Makes a call as the driver of this thread has it.
    static func perform<Result>(
      _ name: String, _ path: FilePath?, _ call: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
      switch current?.fate(of: name, path) {
      case nil: return try call()
      case .fails(let error): throw error
      case .loses(let error):
        _ = try call()
        throw error
      }
    }

    private func fate(of name: String, _ path: FilePath?) -> Fate? {
      let call = state.withLock { state -> Call? in
        if state.isRetired { return nil }
        state.counts[name, default: 0] += 1
        state.trace.append(Call(name: name, path: path, number: state.counts[name] ?? 0))
        return state.trace.last
      }
      // Without the lock: it may take long, and other threads go on meanwhile.
      return call.flatMap(rule)
    }

    // MARK: The thread's own

    private static let key: pthread_key_t = {
      var key = pthread_key_t()
      precondition(pthread_key_create(&key, nil) == 0)
      return key
    }()

    private static var current: CallDriver? {
      pthread_getspecific(key).map { Unmanaged<CallDriver>.fromOpaque($0).takeUnretainedValue() }
    }

    private func inFront<Result>(_ body: () throws -> Result) rethrows -> Result {
      let previous = pthread_getspecific(Self.key)
      pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
      defer {
        pthread_setspecific(Self.key, previous)
        withExtendedLifetime(self) {}
      }
      return try body()
    }
  }
#endif
