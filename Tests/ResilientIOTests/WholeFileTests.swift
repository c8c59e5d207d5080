import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import ResilientIO

/// A file that a user has named is there as a whole or not at all.
@Suite struct WholeFileTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private func write(_ text: String, to name: String) throws(IOFailure) {
    try WholeFile.write(Array(text.utf8), to: sandbox[name])
  }

  private func names() -> [String] { sandbox.names().sorted() }
  private func mode(_ name: String) -> mode_t {
    var status = stat()
    _ = sandbox[name].withPlatformString { stat($0, &status) }
    return status.st_mode & 0o777
  }

  @Test func theFileIsReplacedAndNothingElseIsLeft() throws {
    try write("first", to: "a")
    #expect(chmod(sandbox["a"].string, 0o604) == 0)
    try write("second", to: "a")
    #expect(try sandbox.text("a") == "second" && mode("a") == 0o604)
    #expect(names() == ["a"])
  }

  @Test func aLinkStaysALink() throws {
    try write("first", to: "a")
    #expect(symlink("a", sandbox["link"].string) == 0)
    try write("second", to: "link")
    #expect(try sandbox.text("a") == "second" && names() == ["a", "link"])
    #expect(
      try FileIdentity.asked(at: sandbox["link"], followingLinks: false)
        != FileIdentity.asked(at: sandbox["a"], followingLinks: false))
  }

  @Test func whatIsNoRegularFileIsNotReplaced() throws {
    try WholeFile.write([1, 2, 3], to: "/dev/null")
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    try sandbox.makeDirectory("d")
    #expect { try write("x", to: "d") } throws: { ($0 as? IOFailure)?.errno == .isDirectory }
  }

  /// Whichever call fails, the former file is unchanged and no temporary one is left.
  @Test(arguments: ["open", "write", "fsync", "close", "rename"])
  func aFailureChangesNothing(_ call: String) throws {
    try write("first", to: "a")
    CallDriver.withMocking({ $0.name == call ? .fails(.noSpace) : nil }) { driver in
      #expect { try write("second", to: "a") } throws: {
        ($0 as? IOFailure)?.errno == .noSpace && "\($0)".contains(sandbox["a"].string)
      }
      #expect(driver.count(call) == 1)
    }
    #expect(try sandbox.text("a") == "first" && names() == ["a"])
  }
}
