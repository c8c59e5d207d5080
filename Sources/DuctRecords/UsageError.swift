/// Invalid input. duct prints one line about it on standard error, and exits with code 2.
public struct UsageError: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
