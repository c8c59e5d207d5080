import RecordText
import Testing

@testable import DuctSettings

@Suite struct SuggestionTests {
  private func option(_ word: String) -> String? {
    Suggestion.nearest(to: word, among: RunOption.words)
  }

  @Test(arguments: [
    ("--samplee", "--sample-interval"), ("--sample", "--sample-interval"), ("--sampel", "--sample-interval"),
    ("--sample_interval", "--sample-interval"), ("-sample-interval", "--sample-interval"),
    ("--Colors", "--colors"), ("--colours", "--colors"), ("--output", "--outputs"),
    ("--outputprefix", "--output-prefix"), ("--clober", "--clobber"), ("--wait", "--wait-jobs"),
    ("--slrum", "--slurm"), ("--campain", "--campaign"), ("--loglevel", "--log-level"),
    ("--quite", "--quiet"),
  ])
  func theNearestIsFound(_ word: String, _ meant: String) { #expect(option(word) == meant) }

  @Test(arguments: [
    "", "-", "--", "--nope", "--verbose", "--xyzzy", "-x", "=", "--=", "🦆", "--🦆🦆🦆", "\u{301}",
    String(escaping: [0x2D, 0x2D, 0xFF, 0xFE]), String(repeating: "a", count: 1_000_000),
    String(repeating: "-", count: 1_000_000), "--" + String(repeating: "sample", count: 20),
  ])
  func thereIsNoNearestToOddWords(_ word: String) { #expect(option(word) == nil) }

  @Test func oneOddCharacterIsOneError() {
    #expect(option("--samp🦆le") == "--sample-interval")
    #expect(option(String(escaping: Array("--clobb".utf8) + [0xFF] + Array("er".utf8))) == "--clobber")
    #expect(option("--cl\u{301}obber") == "--clobber")
  }

  @Test func nothingIsNearToNoCandidates() {
    #expect(Suggestion.nearest(to: "x", among: []) == nil)
    #expect(Suggestion.nearest(to: "x", among: [""]) == nil)
  }

  /// A swap of neighbors is one error; a word of three letters may have one, one of nine letters three.
  @Test func theLimitGrowsWithTheWord() {
    let subcommands = ["run", "ls", "jobs", "report", "recover"]
    for (word, meant) in [
      ("lss", "ls"), ("sl", "ls"), ("jbos", "jobs"), ("job", "jobs"), ("rn", "run"), ("preort", "report"),
      ("recoverr", "recover"), ("recover-all", nil), ("abc", nil), ("list", nil), ("r", "run"),
    ] {
      #expect(Suggestion.nearest(to: word, among: subcommands) == meant, "\(word)")
    }
  }

  @Test func aMessageDoesNotRepeatTheValue() {
    let words = RunOption.words
    #expect(
      Suggestion.unknown("option", "--samplee=secret", among: words, program: "duct")
        == "unknown option '--samplee'; did you mean '--sample-interval'?")
    #expect(
      Suggestion.unknown("option", "--xyzzy", among: words, program: "duct")
        == "unknown option '--xyzzy'; see duct --help")
  }

  @Test func choices() {
    #expect(
      Suggestion.advice(on: "onn", choices: ["auto", "on", "off"])
        == "did you mean 'on'? Please provide one of 'auto', 'on' or 'off'")
    #expect(Suggestion.advice(on: "x", choices: ["auto", "off"]) == "please provide one of 'auto' or 'off'")
  }
}
