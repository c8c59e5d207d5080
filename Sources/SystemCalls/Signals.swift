public import CSystemCalls
import Glibc
public import SystemPackage

/// A set of signals.
public struct SignalSet: Sendable {
  public var raw: sigset_t

  public init(_ numbers: [CInt] = []) {
    raw = sigset_t()
    sigemptyset(&raw)
    for number in numbers { sigaddset(&raw, number) }
  }

  public func contains(_ number: CInt) -> Bool {
    var copy = raw
    return sigismember(&copy, number) == 1
  }

  /// Blocks these signals too in the calling thread, and in threads that it starts from now on.
  ///
  /// - Returns: the mask before.
  public func block() -> SignalSet {
    var before = SignalSet()
    var set = raw
    pthread_sigmask(SIG_BLOCK, &set, &before.raw)
    return before
  }

  /// Lets these signals through in the calling thread.
  public func unblock() {
    var set = raw
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  /// Makes this the mask of the calling thread.
  public func setAsMask() {
    var set = raw
    pthread_sigmask(SIG_SETMASK, &set, nil)
  }
}

/// A signal that arrived at this process.
public struct ArrivedSignal: Sendable {
  public var number: CInt
  /// The terminal's driver sent it (a key, a hang-up), to the whole foreground process group.
  public var isFromKernel: Bool
  public var sender: pid_t
}

/// Signals as something to read: blocked signals arrive here instead of interrupting anything.
///
/// Dispositions are left alone, so that a command started later finds them as they were.
public struct SignalFile: Sendable {
  public let descriptor: FileDescriptor

  /// - Parameter signals: must be blocked in every thread.
  public init(_ signals: SignalSet) throws(Errno) {
    var set = signals.raw
    descriptor = FileDescriptor(rawValue: try valueOrErrno { duct_signal_descriptor(&set) })
  }

  /// The next waiting signal, or nil.
  public func next() -> ArrivedSignal? {
    var signal = duct_signal()
    guard duct_next_signal(descriptor.rawValue, &signal) == 1 else { return nil }
    return ArrivedSignal(
      number: signal.number, isFromKernel: signal.from_kernel, sender: signal.sender)
  }
}

/// Whether this process ignores a signal (nohup, or a shell's background job).
public func isIgnored(_ number: CInt) -> Bool { duct_ignores(number) }

/// Whether a signal has arrived at this process and waits, being blocked.
public func isPending(_ number: CInt) -> Bool { duct_is_pending(number) }

/// Takes back what has arrived of these signals and waits, being blocked.
public func dropPending(_ signals: SignalSet) {
  var set = signals.raw
  var noTime = timespec()
  while sigtimedwait(&set, nil, &noTime) > 0 {}
}

/// Ignores a signal from now on. Programs started later inherit that.
public func ignoreSignal(_ number: CInt) { duct_ignore(number) }
