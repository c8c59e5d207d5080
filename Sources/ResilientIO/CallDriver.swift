#if DEBUG
  import Glibc
  internal import Synchronization
  internal import SystemPackage

  /// Intercepts the file calls of one thread, in tests: records them, and makes some fail in ways that no file
  /// system can be made to. Modeled on the mocking driver of swift-system.
  ///
  /// A driver belongs to the thread that called `withMocking`, so tests with drivers can run side by side. A thread
  /// that ResilientIO starts gets the driver of the thread that starts it (`handingOn`), so the trace of a test
  /// contains the calls of the deliverers that the test made, and no others. When `withMocking` returns, its driver
  /// retires: threads that still have it make their calls as if there were no driver.
  ///
  /// Release builds contain neither drivers nor code that asks for one.
  final class CallDriver: Sendable {
    /// A call that a thread is about to make.
    struct Call: Sendable {
      /// open, read, write, fsync, truncate, close, stat, rename (also link(2) and the exchange of two names),
      /// unlink or mkdir.
      var name: String
      /// The path that the call creates, removes or checks; for a rename, the new name. Nil for calls on a
      /// descriptor.
      var path: FilePath?
      /// 1 for the first call of this kind under this driver.
      var number: Int
    }

    /// What happens to a call. close(2) is always made before, because the descriptor must not stay open.
    enum Fate: Sendable {
      /// Does not make the call. It fails with this error.
      case fails(Errno)
      /// Makes the call. If it succeeds, it fails with this error all the same, as when a server's answer is lost.
      case loses(Errno)
    }

    /// Decides about a call before it is made (close(2): after it). Nil: the call is made as usual. The rule may
    /// change files, as another process could at this moment.
    typealias Rule = @Sendable (Call) -> Fate?

    private struct State {
      var trace: [Call] = []
      var counts: [String: Int] = [:]
      var isRetired = false
    }

    private let rule: Rule
    private let state = Mutex(State())

    private init(_ rule: @escaping Rule) { self.rule = rule }

    /// All calls so far in order, including those of threads that inherited the driver.
    var trace: [Call] { state.withLock { $0.trace } }

    /// The number of calls of this kind, including those that the driver made fail.
    func count(_ name: String) -> Int { state.withLock { $0.counts[name] ?? 0 } }

    /// Runs `body` with a new driver for the calls of this thread and of threads that ResilientIO starts from it.
    ///
    /// `body` cannot be async: after an await, it might continue on another thread.
    static func withMocking<Result>(
      _ rule: @escaping Rule = { _ in nil }, _ body: (CallDriver) throws -> Result
    ) rethrows -> Result {
      let driver = CallDriver(rule)
      defer { driver.state.withLock { $0.isRetired = true } }
      return try driver.inFront { try body(driver) }
    }

    /// Wraps the body of a new thread, so that it has the driver of the calling thread.
    static func handingOn(_ body: @escaping @Sendable () -> Void) -> @Sendable () -> Void {
      guard let driver = current else { return body }
      return { driver.inFront(body) }
    }

    /// Makes a call as the driver of this thread decides.
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
      // Call the rule without the lock: it may take long, and other threads continue meanwhile.
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
