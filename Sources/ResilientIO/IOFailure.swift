public import SystemPackage

/// Which call on which path failed.
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

/// Runs a call and names it in the error.
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
