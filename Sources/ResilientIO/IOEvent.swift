public import RecordText

/// An episode of failures on one path, from the first failure to the success that ends it. Or many such episodes of the
/// same error: see `IOEventList`.
public struct IOEvent: Record, Equatable {
  public enum Outcome: String, Sendable {
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
  /// Number of episodes.
  public var episodes = 1
  /// Bytes that are not written yet.
  public var bytesWaiting: Int
  public var outcome: Outcome

  init(
    path: String, place: String? = nil, operation: String, errnoName: String, firstTime: Double,
    lastTime: Double, tries: Int, bytesWaiting: Int, outcome: Outcome
  ) {
    self.path = path
    self.place = place
    self.operation = operation
    self.errnoName = errnoName
    self.firstTime = firstTime
    self.lastTime = lastTime
    self.tries = tries
    self.bytesWaiting = bytesWaiting
    self.outcome = outcome
  }

  public init() {
    self.init(
      path: "", operation: "", errnoName: "", firstTime: 0, lastTime: 0, tries: 0, bytesWaiting: 0,
      outcome: .waiting)
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("path", &path)
    members("place", &place)
    members("operation", &operation)
    members("errno", &errnoName)
    members("first_time", &firstTime)
    members("last_time", &lastTime)
    members("tries", &tries)
    members("episodes", &episodes)
    members("bytes_waiting", &bytesWaiting)
    members("outcome", &outcome)
  }
}
