import ArgumentParser
import Testing

@testable import duct
@testable import DuctSettings

/// The quick reader of a run's command line returns the same options as the argument parser, or nothing.
@Suite struct ArgumentTests {
  /// The options that the argument parser returns; nil if it refuses the words.
  private func parsed(_ words: [String]) -> RunOptions? {
    guard let command = try? DuctCommand.parseAsRoot(words) as? DuctCommand else { return nil }
    return try? command.arguments.given()
  }

  @Test(arguments: [
    ["true"], ["-q", "true"], ["--quiet", "--colors", "--clobber", "--wait-jobs", "x", "-q"],
    ["-l", "debug", "-p", "a b", "-c", "none", "-o", "stderr", "-t", "system-summary", "-m", "note", "cmd"],
    ["--log-level=ERROR", "--output-prefix=p=q", "--capture-outputs=all", "--message=m", "cmd", "--m=x"],
    ["--sample-interval", "0.5", "--report-interval=2", "--fail-time", "1e1", "cmd"],
    ["--s-i", "1", "--r-i", "2", "--f-t", "3", "cmd"],
    ["--mode", "current-session", "--campaign", "c", "--slurm", "off", "--slurm-tag", "off", "cmd"],
    [
      "--slurm-timeout", "3", "--slurm-by", "commands", "--slurm-detect", "tag,session", "--finalize-timeout",
      "0", "cmd",
    ],
    ["--fail-time", "inf", "cmd"], ["--summary-format", "{exit_code}", "cmd", "--", "-x"], ["--", "-cmd"],
    ["-q", "--", "cmd", "--"],
  ])
  func plainLinesAreReadQuicklyAndAlike(_ words: [String]) throws {
    let quick = try #require(QuickRunArguments.parse(words))
    #expect(quick == parsed(words))
  }

  @Test(arguments: [
    [], ["-q"], ["--help"], ["-h"], ["--version"], ["--nope", "x"], ["-l"], ["-l", "loud", "x"], ["-p"],
    ["-pfoo", "x"], ["--fail-time", "-1", "x"], ["--sample-interval", "fast", "x"], ["-c", "some", "x"],
    ["-m", "-x", "y"], ["--", ""], [""], ["-qx", "y"], ["--quiet=1", "x"], ["-p=foo", "x"],
    ["--finalize-timeout", "-0.0", "x"], ["-\u{301}", "x"], ["-m", "-\u{301}", "x"],
  ])
  func everythingElseIsLeftToTheParser(_ words: [String]) { #expect(QuickRunArguments.parse(words) == nil) }

  @Test func anEmptyValueIsAValueAsForConDuct() {
    // The argument parser would take the next word as the value.
    #expect(QuickRunArguments.parse(["--message=", "cmd"])?["--message"] == "")
    #expect(QuickRunArguments.parse(["-m", "", "cmd"])?["--message"] == "")
  }

  @Test(arguments: ["--finalize-timeout", "--slurm-timeout", "--sample-interval", "--report-interval"])
  func aNegativeNumberIsAValue(_ name: String) { #expect(parsed([name, "-0.5", "x"]) != nil) }

  /// A combining accent at the start of a value joins with `=` into one Swift character; the reader must still split
  /// there.
  @Test func anAccentAtTheStartOfAValueIsNoPartOfTheSign() {
    #expect(QuickRunArguments.parse(["--message=\u{301}x", "cmd"])?["--message"] == "\u{301}x")
  }

  @Test func randomLinesAreReadAlike() {
    let tokens = [
      "-q", "--clobber", "-l", "INFO", "--log-level", "--log-level=none", "-p", "x_", "--output-prefix=y",
      "-c", "all", "stdout", "--", "-", "cmd", "--s-i", "0.5", "--fail-time", "-1", "--fail-time=-1", "-m",
      "a b", "--wait-jobs", "--colors", "--mode", "new-session", "--slurm", "auto", "=", "--=", "-x",
      "--slurm-timeout", "1", "nan", "",
    ]
    var accepted = 0
    for _ in 0..<800 {
      let words = (0..<Int.random(in: 0...7)).map { _ in tokens.randomElement() ?? "" }
      guard let quick = QuickRunArguments.parse(words) else { continue }
      accepted += 1
      // NaN does not equal itself. The settings refuse it in both cases.
      if words.contains("nan") { continue }
      #expect(quick == parsed(words), "\(words)")
    }
    #expect(accepted > 80)
  }
}
