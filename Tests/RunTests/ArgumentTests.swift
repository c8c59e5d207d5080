import ArgumentParser
import TestSupport
import Testing

@testable import duct
@testable import DuctSettings

/// The quick reader of a run's command line returns the same options as the argument parser, or nothing.
@Suite struct ArgumentTests {
  /// The options that the argument parser returns; nil if it refuses the words.
  private func parsed(_ words: [String]) -> RunOptions? {
    guard let command = try? DuctCommand.parseAsRoot((try? RunOption.withValues(words)) ?? []) as? DuctCommand
    else {
      return nil
    }
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
    [], ["-q"], ["--help"], ["-h"], ["--version"], ["--nope", "x"], ["-l"], ["-p"],
    ["-pfoo", "x"], ["--fail-time", "-1", "x"],
    ["-m", "-x", "y"], ["--", ""], [""], ["-qx", "y"], ["--quiet=1", "x"], ["-p=foo", "x"],
    ["--finalize-timeout", "-0.0", "x"], ["-\u{301}", "x"], ["-m", "-\u{301}", "x"],
  ])
  func everythingElseIsLeftToTheParser(_ words: [String]) { #expect(QuickRunArguments.parse(words) == nil) }

  /// Every option under each of its names, in every way of writing its value.
  @Test func everyOptionIsReadAlike() throws {
    for option in RunOption.all {
      let value =
        switch option.value.form {
        case .flag: ""
        case .number: "45.5"
        case .size: "5M"
        case .choice: try #require(option.value.choices.last)
        case .text, .directory: "some text"
        }
      for name in [option.short, option.name, option.alias] {
        guard let name else { continue }
        guard !option.isFlag else {
          #expect(QuickRunArguments.parse([name, "cmd"])?[option.name] == "", "\(name)")
          #expect(parsed([name, "cmd"])?[option.name] == "", "\(name)")
          continue
        }
        if let alone = option.value.alone {
          let words = ["\(name)=\(value)", "cmd"]
          #expect(QuickRunArguments.parse([name, "cmd"])?[option.name] == alone, "\(name)")
          #expect(parsed([name, "cmd"])?[option.name] == alone, "\(name)")
          #expect(QuickRunArguments.parse(words) == parsed(words) && parsed(words)?[name] == value, "\(name)")
          continue
        }
        let quick = try #require(QuickRunArguments.parse([name, value, "cmd"]))
        #expect(quick[option.name] == value, "\(name)")
        #expect(parsed([name, value, "cmd"]) == quick, "\(name)")
        let joined = name.hasPrefix("--") ? ["\(name)=\(value)"] : [name + value, "\(name)=\(value)"]
        for word in joined { #expect(parsed([word, "cmd"]) == quick, "\(word)") }
      }
      if option.value.alone != nil { continue }
      // A missing value, and a value for a flag.
      let wrong = option.isFlag ? ["\(option.name)=1", "cmd"] : [option.name]
      #expect(QuickRunArguments.parse(wrong) == nil && parsed(wrong) == nil, "\(option.name)")
    }
  }

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
      "--slurm-timeout", "1", "nan", "", "--renew-ticket", "--renew-ticket=shared",
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

/// Messages about words that duct does not know.
@Suite struct MistypedWordTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  @Test(arguments: [
    (["--samplee", "x"], "unknown option '--samplee'; did you mean '--sample-interval'?"),
    (["--samplee=1", "x"], "unknown option '--samplee'; did you mean '--sample-interval'?"),
    (["-q", "--nope", "x"], "unknown option '--nope'; see duct --help"),
    (["-qx", "y"], "unknown option '-x'; see duct --help"),
    (
      ["--slurm", "onn", "x"],
      "--slurm: 'onn' is none of auto, on, off; did you mean 'on'?"
    ),
    (
      ["-c", "x", "y"],
      "--capture-outputs: 'x' is none of all, none, stdout, stderr"
    ),
    (
      ["--fail-time", "soon", "x"],
      "--fail-time: 'soon' is no number of seconds"
    ),
    (
      ["--jobs-exit-code", "x"], "--jobs-exit-code goes with --wait-jobs: without it, the jobs have not ended"
    ),
    (
      ["--wait-jobs", "--jobs-exit-code", "--slurm", "off", "x"],
      "--jobs-exit-code asks Slurm; it does not go with --slurm off"
    ),
    (
      ["--slurm-detect", "tags", "x"],
      "--slurm-detect: 'tags' is none of tag, session, output, none; did you mean"
    ),
  ])
  func ofARun(_ arguments: [String], _ message: String) async throws {
    let duct = try await run(Programs.duct, arguments, in: sandbox)
    try expect(duct, "duct: error: \(message)")
    let conDuct = try await run(Programs.conDuct, ["run"] + arguments, in: sandbox)
    #expect(conDuct.code == 2 && conDuct.stderr.hasPrefix("con-duct: error: "), "\(conDuct.stderr)")
  }

  @Test(arguments: [
    (["lss"], "unknown subcommand 'lss'; did you mean 'ls'?"),
    (["help", "reprot"], "unknown subcommand 'reprot'; did you mean 'report'?"),
    (["xyzzy", "x"], "unknown subcommand 'xyzzy'; see con-duct --help"),
    (["plot", "x"], "subcommand 'plot' is not there yet; con-duct from PyPI has it, and reads"),
    (["jobs", "--jsn"], "unknown option '--jsn'; did you mean '--json'?"),
    (["report", "--campain=x"], "unknown option '--campain'; did you mean '--campaign'?"),
    // Hidden options are no suggestion.
    (["recover", "--inheritd"], "unknown option '--inheritd'; see con-duct recover --help"),
    (["--versoin"], "unknown option '--versoin'; did you mean '--version'?"),
    (
      ["ls", "-f", "jsn"], "The value 'jsn' is invalid for '-f <format>': did you mean 'json'? Please provide"
    ),
    (
      ["ls", "--format=x'y"],
      "The value 'x'y' is invalid for '--format <format>': please provide one of 'auto'"
    ),
    (
      ["jobs", "--slurm-by", "libary"],
      "The value 'libary' is invalid for '--slurm-by <way>': did you mean 'library'?"
    ),
    (["jobs", "--state", "running,runing"], "unknown state 'RUNING'; did you mean 'RUNNING'?"),
    (["report", "--state", "x"], "unknown state 'X'; see con-duct report --help\n"),
    (["jobs", "--run", ""], "--run must name a run; see con-duct jobs --help"),
    (["jobs", "--ids", "--json"], "--ids and --json are two forms; give one or the other"),
    (["ls", "-F", "comand"], "there is no field 'comand'; did you mean 'command'? Known are: arch, "),
    (["ls", "--sort-by", "🦆"], "there is no field '🦆'; known are: arch, "),
  ])
  func ofASubcommand(_ arguments: [String], _ message: String) async throws {
    try expect(try await run(Programs.conDuct, arguments, in: sandbox), "con-duct: error: \(message)")
  }

  @Test(arguments: [
    "''", "-", "--🦆", "--a\u{301}", "\"$(printf -- '--samp\\377le')\"", "\"$(printf '\\377')\"",
  ])
  func oddWordsGetOneLine(_ word: String) async throws {
    for subcommand in ["", "ls --format", "jobs --run=x --no-refresh"] {
      let script = "\(Programs.conDuct) \(subcommand) \(word)"
      let result = try await run("sh", ["-c", script], in: sandbox)
      try expect(result, "con-duct: error: ")
    }
    let result = try await run("sh", ["-c", "\(Programs.duct) -\(word)x"], in: sandbox)
    try expect(result, "duct: error: ")
  }

  @Test func longWordsGetOneLine() async throws {
    let word = String(repeating: "sample", count: 20_000)
    try expect(
      try await run(Programs.duct, ["--" + word, "x"], in: sandbox), "duct: error: unknown option '--sample")
    try expect(
      try await run(Programs.conDuct, [word], in: sandbox), "con-duct: error: unknown subcommand 'sample")
    try expect(
      try await run(Programs.conDuct, ["ls", "--" + word], in: sandbox), "con-duct: error: unknown option")
  }

  private func expect(_ result: Finished, _ start: String) throws {
    #expect(result.code == 2)
    #expect(result.stdout == "")
    #expect(result.stderr.hasPrefix(start), "\(result.stderr)")
    #expect(result.stderr.utf8.count(where: { $0 == UInt8(ascii: "\n") }) == 1, "\(result.stderr)")
  }
}
