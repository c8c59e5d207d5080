import SystemPackage
import Testing

@testable import ResilientIO

@Suite struct DeliveryAttemptsTests {
  @Test func threeAtOnce() {
    var attempts = DeliveryAttempts(mayMakeDirectory: false)
    #expect([1, 2, 3].map { _ in attempts.failed(.permissionDenied) } == [.tryAgain, .tryAgain, .giveUp])
  }

  @Test func whatCannotGetBetterIsTriedOnce() {
    var attempts = DeliveryAttempts(mayMakeDirectory: true)
    #expect(attempts.failed(.readOnlyFileSystem) == .giveUp)
  }

  /// Fault 11: the directory is missing at the third try.
  @Test func aDirectoryThatIsMadeIsFollowedByATry() {
    var attempts = DeliveryAttempts(mayMakeDirectory: true)
    #expect(attempts.failed(.permissionDenied) == .tryAgain)
    #expect(attempts.failed(.permissionDenied) == .tryAgain)
    #expect(attempts.failed(.noSuchFileOrDirectory) == .makeDirectory)
    attempts.madeDirectory()
    #expect(attempts.failures == 2)
    // It has gone again: that is a failure as any other.
    #expect(attempts.failed(.noSuchFileOrDirectory) == .giveUp)
  }
}
