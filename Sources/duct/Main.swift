import ArgumentParser
import DuctDoctor
import DuctRecords
import DuctRun
import DuctSettings
import Glibc
import KerberosTickets
import LogDelivery
import RecordText
import SystemCalls
import SystemPackage

/// The executable has two names: `duct COMMAND…` is the same as `con-duct run COMMAND…`.
@main
enum Main {
  static func main() {
    OwnProgram.protect()
    let words = arguments
    let name = words.first?.split(separator: "/").last ?? "duct"
    let rest = Array(words.dropFirst())
    if name.hasPrefix("con-duct") {
      // duct itself starts this, see CarrierService.
      if rest.count == 2, ["deliver", "deliver-on"].contains(rest[0]) {
        useOneHeap()
        _exit(CarrierService.run(folder: rest[1], isSuccessor: rest[0] == "deliver-on"))
      }
      if rest.count >= 2, let code = stepScript(rest) { _exit(code) }
      // `con-duct doctor` starts this.
      if rest.count == 2, rest[0] == DirectoryTester.word {
        DirectoryTester.run(prefix: rest[1])
        leave(0)
      }
      // A run with --renew-ticket starts this.
      if rest.count == 3, rest[0] == TicketHelper.word {
        leave(TicketHelper.run(task: rest[1], runID: rest[2]))
      }
      let quick = rest.first == "run" ? QuickRunArguments.parse(Array(rest.dropFirst())) : nil
      run(ConDuctCommand.self, rest, quick: quick, name: "con-duct")
    } else {
      run(DuctCommand.self, rest, quick: QuickRunArguments.parse(rest), name: "duct")
    }
  }

  /// What Slurm's prologs and epilogs call, and the process that they start. Before the argument parser, which takes
  /// milliseconds. Nil for other words.
  private static func stepScript(_ words: [String]) -> CInt? {
    let command = Array(words.dropFirst(2))
    switch (words[0], words[1]) {
    case ("prolog", "srun"): SrunScript.prolog(Surroundings(), command: command)
    case ("epilog", "srun"): SrunScript.epilog(Surroundings())
    case ("watch-srun", let folder):
      useOneHeap()
      return StepWatch.executeSrun(FilePath(escaped: folder), command: command, Surroundings())
    case _ where words.count > 2: return nil
    case ("prolog", "task"): print(TaskScript.prolog(Surroundings()), terminator: "")
    case ("epilog", "task"): TaskScript.epilog(Surroundings())
    case ("epilog", "job"): TaskScript.jobEpilog()
    case ("watch-step", let folder):
      useOneHeap()
      return StepWatch.execute(FilePath(escaped: folder), Surroundings())
    default: return nil
    }
    fflush(nil)
    return 0
  }

  /// The arguments, with invalid UTF-8 as escaped bytes.
  private static var arguments: [String] {
    processArguments.map { String(escaping: $0) }
  }

  /// Parses the command line and runs the command. For bad input, prints one line on standard error and exits with 2.
  private static func run<Command: ParsableCommand>(
    _ type: Command.Type, _ words: [String], quick: RunOptions?, name: String
  ) -> Never {
    let message = ParserMessage(program: name, command: type, words: words)
    do {
      // The argument parser would take two milliseconds to find out.
      if words == ["--version"] {
        print("\(name) \(Versions.duct)")
        leave(0)
      }
      if let help = RunHelp(asked: words, of: name) { throw help }
      if let quick { try RunArguments.execute(quick) }
      if let problem = message.unknownSubcommand { throw UsageError(problem) }
      var command = try type.parseAsRoot(withValues(words, name))
      try command.run()
      leave(0)
    } catch let error as UsageError {
      complain("\(name): error: \("\(error)".bounded())")
      leave(2)
    } catch let code as ExitCode {
      leave(code.rawValue)
    } catch let help as RunHelp {
      print(help.text(width: terminalWidth), terminator: "")
      leave(0)
    } catch {
      // The argument parser throws help and version as errors with exit code 0.
      if type.exitCode(for: error) == .success {
        print(type.fullMessage(for: error))
        leave(0)
      }
      complain("\(name): error: \(message.line(type.message(for: error)).bounded())")
      leave(2)
    }
  }

  /// The words with a value for each option of a run that may stand alone.
  private static func withValues(_ words: [String], _ name: String) throws(UsageError) -> [String] {
    if name == "duct" { return try RunOption.withValues(words) }
    return words.first == "run" ? ["run"] + (try RunOption.withValues(Array(words.dropFirst()))) : words
  }

  /// Ends the process without the C library's cleanup, because a thread of duct may hang in a file system.
  private static func leave(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}
