public import SystemPackage

/// A failed call, with its path and errno.
public struct IOFailure: Error, Sendable, CustomStringConvertible {
  public var operation: String
  public var path: FilePath
  public var errno: Errno

  public init(_ operation: String, _ path: FilePath, _ errno: Errno) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }

  public var description: String {
    "cannot \(operation) \(path): \(errno.description) (\(errno.name))"
  }
}

/// Runs a call. Adds the operation and the path to its error.
@discardableResult
func attempt<Result>(
  _ operation: String, _ path: FilePath, _ body: () throws(Errno) -> Result
) throws(IOFailure) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw IOFailure(operation, path, error)
  }
}
