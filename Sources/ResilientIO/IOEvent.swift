/// An episode of failures on one path, from the first to the success that ended it.
public struct IOEvent: Codable, Sendable, Equatable {
  public enum Outcome: String, Codable, Sendable {
    /// What was to be written waits, and is tried again.
    case waiting
    /// It was written in the end.
    case delivered
    /// The run ended before it could be written.
    case undelivered
    /// Some of it is missing for good: `bytesWaiting` says how much.
    case lost
  }

  public var path: String
  /// Where the file is instead: another has taken its name.
  public var place: String?
  /// The call that failed last: `open`, `write`, `fsync`, `rename` and so on.
  public var operation: String
  public var errnoName: String
  /// Seconds since 1970.
  public var firstTime: Double
  public var lastTime: Double
  /// How often it failed.
  public var tries: Int
  /// Bytes that could not be written yet.
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
