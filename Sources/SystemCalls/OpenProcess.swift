internal import CSystemCalls
import Glibc
public import SystemPackage

/// Opens a process by pidfd_open(2). The descriptor becomes readable when the process ends.
///
/// - Throws: ESRCH if there is no such process; ENOSYS before Linux 5.3; EPERM in a container that forbids it.
public func openProcess(_ pid: Int32) throws(Errno) -> FileDescriptor {
  FileDescriptor(rawValue: try valueOrErrno { duct_open_process(pid) })
}
