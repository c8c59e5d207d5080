internal import CSystemCalls
import Glibc
internal import SystemCalls

/// What the kernel answers about a process by system calls, which /proc shows not at all or more slowly.
///
/// For a recorded tree each of these answers from its files, or says that it is not known, because the running kernel
/// would answer for another process.
extension ProcFiles {
  /// The number in /proc of a process of duct's own pid namespace. Nil if it has exited or is not known.
  public func number(of pid: Int32) -> Int32? {
    if isLive || numbers.view == .same { return numbers.inProc(pid) }
    return pids().first { stat($0).flatMap { names($0) }?.pid == pid }
  }

  /// Whether a process exists, also if its files cannot be read for lack of descriptors.
  ///
  /// - Parameter pid: in duct's own namespace.
  func exists(own pid: Int32) -> Bool { isLive && getpgid(pid) >= 0 }

  /// Whether an entry of /proc can be a process of a program: it exists, and is not a thread of the kernel. May return
  /// true for others.
  func mayBeProgram(_ pid: Int32) -> Bool {
    // 0: a thread of the kernel; -1: it has exited.
    !isLive || numbers.view != .same || getsid(pid) > 0
  }

  /// Nanoseconds of CPU time of a process, without its children. -1 if its clock cannot be read: the stat line has the
  /// same in ticks of 10 ms.
  ///
  /// - Parameter pid: in duct's own namespace.
  func processorTime(own pid: Int32) -> Int64 { isLive ? duct_process_cpu(pid) : -1 }

  /// Sets the bits of the processors that a process may run on, see sched_getaffinity(2).
  ///
  /// - Parameter pid: in duct's own namespace.
  /// - Returns: the number of bytes set; 0 if not known.
  func allowedProcessors(own pid: Int32, into mask: UnsafeMutableRawBufferPointer) -> Int {
    isLive ? max(Int(duct_allowed_processors(pid, mask.baseAddress, mask.count)), 0) : 0
  }

  /// Opens a file of a process to be read again in each sample.
  ///
  /// - Returns: nil also for a recorded tree: a removed file could still be read there, but one of a process that has
  ///   exited cannot.
  func openToKeep(_ file: File, _ pid: Int32) -> CInt? { isLive ? open(file, pid) : nil }
}
