internal import CSystemCalls
import Glibc
public import SystemPackage

/// Makes all threads allocate from one heap. Call it before the second thread starts.
///
/// By default, glibc gives each thread its own heap. For many threads that allocate little, creating these heaps at
/// the start costs more than sharing a lock.
public func useOneHeap() { duct_share_heap() }

/// Takes the code and the constants of the program out of this process's memory. The kernel maps a page again when a
/// thread uses it, which costs some microseconds.
///
/// A process that mostly waits has less resident memory then, and the kernel ends it faster: it frees 16 MB of mapped
/// files in about a millisecond.
public func releaseProgramPages() { duct_release_program_pages() }

/// Ends this process with exit code 0, without any clean-up, as fast as the kernel can end all threads.
///
/// - Parameter other: a process that runs now. The threads do not wait for its processor.
public func exitAtOnce(beside other: Int32) -> Never { duct_exit_at_once(other) }

/// A thread of our own, for calls that may block. Swift's concurrency pool has only as many threads as cores, so a
/// few hanging calls would stop everything that runs in it.
public struct OwnThread: Sendable {
  private let ended = Monitor(false)

  /// Starts a thread, which inherits the caller's signal mask.
  ///
  /// - Parameters:
  ///   - name: what ps and gdb show; the kernel keeps 15 bytes.
  ///   - stackSize: bytes; only the pages that the thread touches cost memory.
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

  /// Waits until the thread ends. False if the deadline passes first: the thread continues.
  @discardableResult
  public func join(until deadline: MonotonicInstant? = nil) -> Bool {
    ended.wait(until: deadline) { $0 ? true : nil } ?? false
  }
}

private final class ThreadStart: Sendable {
  let body: @Sendable () -> Void
  init(body: @escaping @Sendable () -> Void) { self.body = body }
}
