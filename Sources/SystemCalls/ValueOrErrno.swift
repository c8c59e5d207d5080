import Glibc
public import SystemPackage

/// Converts the result of a C call that reports failure as -1 with `errno` into a value or a thrown `Errno`.
///
/// - Parameter retryOnInterrupt: repeats the call while it fails with EINTR.
@discardableResult
public func valueOrErrno<Value: FixedWidthInteger>(
  retryOnInterrupt: Bool = true, _ call: () -> Value
) throws(Errno) -> Value {
  while true {
    let value = call()
    if value != -1 { return value }
    let error = Errno(rawValue: errno)
    if !(retryOnInterrupt && error == .interrupted) { throw error }
  }
}

/// Throws the result of a C call that returns the error number itself, as posix_spawn(3) and pthread_create(3) do.
public func throwIfErrno(_ result: CInt) throws(Errno) {
  if result != 0 { throw Errno(rawValue: result) }
}
