/// An episode of failures on one path, from the first failure to the success that ends it.
public struct IOEvent: Codable, Sendable, Equatable {
  public enum Outcome: String, Codable, Sendable {
    /// The data waits and is retried.
    case waiting
    /// The data was written in the end.
    case delivered
    /// The run ended before the data could be written.
    case undelivered
    /// Some data is missing for good: `bytesWaiting` bytes.
    case lost
  }

  public var path: String
  /// Where the file is instead, because another file has its name.
  public var place: String?
  /// The call that failed last: `open`, `write`, `fsync`, `rename` and so on.
  public var operation: String
  public var errnoName: String
  /// Seconds since 1970.
  public var firstTime: Double
  public var lastTime: Double
  /// Number of failed tries.
  public var tries: Int
  /// Bytes that are not written yet.
  public var bytesWaiting: Int
  public var outcome: Outcome

  enum CodingKeys: String, CodingKey {
    case path, place, operation
    case errnoName = "errno"
    case firstTime = "first_time"
    case lastTime = "last_time"
    case tries
    case bytesWaiting = "bytes_waiting"
    case outcome
  }
}
