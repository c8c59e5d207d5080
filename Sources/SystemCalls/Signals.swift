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

  /// Blocks these signals, in addition to those already blocked, in the calling thread and in threads that it
  /// starts later.
  ///
  /// - Returns: the previous mask.
  public func block() -> SignalSet {
    var before = SignalSet()
    var set = raw
    pthread_sigmask(SIG_BLOCK, &set, &before.raw)
    return before
  }

  /// Unblocks these signals in the calling thread.
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
  /// The kernel sent it to the whole foreground process group: the terminal driver, after a key or a hang-up.
  public var isFromKernel: Bool
  public var sender: pid_t
}

/// A signalfd(2): blocked signals arrive here as something to read, instead of interrupting the process.
///
/// It does not change the disposition of any signal, so a command that starts later inherits them unchanged.
public struct SignalFile: Sendable {
  public let descriptor: FileDescriptor

  /// - Parameter signals: every thread must block them.
  public init(_ signals: SignalSet) throws(Errno) {
    var set = signals.raw
    descriptor = FileDescriptor(rawValue: try valueOrErrno { duct_signal_descriptor(&set) })
  }

  /// Reads the next pending signal; nil if there is none.
  public func next() -> ArrivedSignal? {
    var signal = duct_signal()
    guard duct_next_signal(descriptor.rawValue, &signal) == 1 else { return nil }
    return ArrivedSignal(
      number: signal.number, isFromKernel: signal.from_kernel, sender: signal.sender)
  }
}

/// Whether this process ignores a signal, as under nohup or in a shell's background job.
public func isIgnored(_ number: CInt) -> Bool { duct_ignores(number) }

/// Whether a blocked signal has arrived and is pending.
public func isPending(_ number: CInt) -> Bool { duct_is_pending(number) }

/// Discards those of these blocked signals that are pending.
public func dropPending(_ signals: SignalSet) {
  var set = signals.raw
  var noTime = timespec()
  while sigtimedwait(&set, nil, &noTime) > 0 {}
}

/// Ignores a signal. Programs that this process starts later inherit that.
public func ignoreSignal(_ number: CInt) { duct_ignore(number) }
