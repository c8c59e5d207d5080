import SystemPackage
import Testing

@testable import ResilientIO

@Suite struct DeliveryAttemptsTests {
  @Test func threeAtOnce() {
    var attempts = DeliveryAttempts(mayMakeDirectory: false)
    #expect([1, 2, 3].map { _ in attempts.failed(.permissionDenied) } == [.tryAgain, .tryAgain, .giveUp])
  }

  /// An error of the permanent class is not retried.
  @Test func whatCannotGetBetterIsTriedOnce() {
    var attempts = DeliveryAttempts(mayMakeDirectory: true)
    #expect(attempts.failed(.readOnlyFileSystem) == .giveUp)
  }

  /// Below /proc, also mkdir fails with ENOENT.
  @Test func aDirectoryThatCannotBeMadeIsNotTriedForever() {
    var attempts = DeliveryAttempts(mayMakeDirectory: true)
    #expect(attempts.failed(.noSuchFileOrDirectory) == .makeDirectory)
    #expect(attempts.failedToMakeDirectory(.noSuchFileOrDirectory) == .tryAgain)
    #expect(attempts.failed(.noSuchFileOrDirectory) == .giveUp)
  }

  /// Fault 11: the directory is missing at the third attempt.
  @Test func aDirectoryThatIsMadeIsFollowedByATry() {
    var attempts = DeliveryAttempts(mayMakeDirectory: true)
    #expect(attempts.failed(.permissionDenied) == .tryAgain)
    #expect(attempts.failed(.permissionDenied) == .tryAgain)
    #expect(attempts.failed(.noSuchFileOrDirectory) == .makeDirectory)
    attempts.madeDirectory()
    #expect(attempts.failures == 2)
    // The directory is missing again, which counts as an ordinary failure.
    #expect(attempts.failed(.noSuchFileOrDirectory) == .giveUp)
  }
}
