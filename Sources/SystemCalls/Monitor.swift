import Glibc

/// State that threads share, with a wait for changes until a monotonic deadline.
///
/// Combines pthread_mutex and pthread_cond, the latter on CLOCK_MONOTONIC: `Synchronization.Mutex` has no condition
/// variable.
public final class Monitor<State>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  public init(_ state: sending State) {
    self.state = state
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Reads or changes the state and wakes every waiter.
  ///
  /// It wakes them after it releases the lock: earlier, each waiter would only wait for the lock again.
  @discardableResult
  public func update<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_mutex_unlock(mutex)
      pthread_cond_broadcast(condition)
    }
    return try body(&state)
  }

  /// Reads the state, or changes it without waking anyone.
  public func withLock<Result, Failure: Error>(
    _ body: (inout State) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Waits until `body` returns a value, and returns that value; nil if the deadline passes first.
  ///
  /// `body` runs under the lock, immediately and after each `update`. It may change the state when it returns a
  /// value: that wakes the other waiters, as `update` does.
  public func wait<Result>(
    until deadline: MonotonicInstant? = nil, for body: (inout State) -> Result?
  ) -> Result? {
    pthread_mutex_lock(mutex)
    var isLate = false
    while true {
      if let result = body(&state) {
        pthread_mutex_unlock(mutex)
        pthread_cond_broadcast(condition)
        return result
      }
      if isLate {
        pthread_mutex_unlock(mutex)
        return nil
      }
      if let deadline {
        var limit = deadline.deadlineTime
        isLate = pthread_cond_timedwait(condition, mutex, &limit) == ETIMEDOUT
      } else {
        pthread_cond_wait(condition, mutex)
      }
    }
  }
}
