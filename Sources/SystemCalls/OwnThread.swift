internal import CSystemCalls
import Glibc
public import SystemPackage

/// Has all threads allocate from one heap; to be called before there is a second thread. glibc would give each a heap
/// of its own, which costs more at the start of many threads that allocate little than waiting for one another does.
public func useOneHeap() { duct_share_heap() }

/// A thread of our own, for calls that may block: never Swift's concurrency pool, which has as many
/// threads as cores, so that two hanging calls would stop everything.
public struct OwnThread: Sendable {
  private let ended = Monitor(false)

  /// Starts a thread. It inherits the caller's signal mask.
  ///
  /// - Parameters:
  ///   - name: shown by ps and gdb; 15 bytes are kept.
  ///   - stackSize: bytes; only the touched part costs memory.
  public init(
    _ name: String, stackSize: Int = 512 << 10, body: @escaping @Sendable () -> Void
  ) throws(Errno) {
    let ended = self.ended
    let start = ThreadStart {
      duct_name_thread(name)
      body()
      ended.update { $0 = true }
    }
    var attributes = pthread_attr_t()
    try throwIfErrno(pthread_attr_init(&attributes))
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(&attributes, max(stackSize, 64 << 10))
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(start)
    let result = pthread_create(
      &thread, &attributes,
      { raw in
        if let raw { Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue().body() }
        return nil
      }, argument.toOpaque())
    if result != 0 { argument.release() }
    try throwIfErrno(result)
  }

  /// Waits for the thread's end. False if the deadline passed first: the thread goes on.
  @discardableResult
  public func join(until deadline: MonotonicInstant? = nil) -> Bool {
    ended.wait(until: deadline) { $0 ? true : nil } ?? false
  }
}

private final class ThreadStart: Sendable {
  let body: @Sendable () -> Void
  init(body: @escaping @Sendable () -> Void) { self.body = body }
}
