import SystemCalls
import SystemPackage

@testable import ResilientIO

/// Puts a driver in front of the calls of this room, one test at a time.
enum FaultDriver {
  private static let turn = Monitor(false)

  /// What it gives is the result of a call that was carried out.
  @discardableResult
  static func use<Result>(
    after driver: @escaping @Sendable (String, FilePath?) -> Errno?, _ body: () throws -> Result
  ) throws -> Result {
    try use({ _, _ in nil }) {
      FileCalls.driverAfter.withLock { $0 = driver }
      defer { FileCalls.driverAfter.withLock { $0 = nil } }
      return try body()
    }
  }

  @discardableResult
  static func use<Result>(
    _ driver: @escaping @Sendable (String, FilePath?) -> Errno?, _ body: () throws -> Result
  ) throws -> Result {
    _ = turn.wait { isTaken -> Bool? in
      if isTaken { return nil }
      isTaken = true
      return true
    }
    FileCalls.driver.withLock { $0 = driver }
    defer {
      FileCalls.driver.withLock { $0 = nil }
      turn.update { $0 = false }
    }
    return try body()
  }
}
