import Glibc
public import SystemPackage

/// The result of a C call that reports failure as -1 with `errno`, as a value or a thrown `Errno`.
///
/// - Parameter retryOnInterrupt: calls again for as long as the error is EINTR.
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

/// The same for calls that return the error number itself, as posix_spawn(3) and pthread(7) do.
public func throwIfErrno(_ result: CInt) throws(Errno) {
  if result != 0 { throw Errno(rawValue: result) }
}
