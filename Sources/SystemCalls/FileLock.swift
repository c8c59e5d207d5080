internal import CSystemCalls
public import SystemPackage

/// Takes the lock of a file by flock(2), without waiting. It is held until the last process ends that has inherited the
/// descriptor, or closes it.
///
/// - Returns: false while another process has it.
public func lockFile(_ file: FileDescriptor) -> Bool { duct_lock(file.rawValue) == 0 }
