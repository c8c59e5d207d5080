import ArgumentParser
import DuctRecords
import DuctSettings
import Glibc
import LogDelivery
import RecordText
import SystemCalls

/// One executable, two names: `duct COMMAND…` is `con-duct run COMMAND…`.
@main
enum Main {
  static func main() {
    useOneHeap()
    OwnProgram.protect()
    let words = arguments
    let name = words.first?.split(separator: "/").last ?? "duct"
    let rest = Array(words.dropFirst())
    if name.hasPrefix("con-duct") {
      // Started by duct itself, see CarrierService.
      if rest.count == 2, ["deliver", "deliver-on"].contains(rest[0]) {
        _exit(CarrierService.run(folder: rest[1], isSuccessor: rest[0] == "deliver-on"))
      }
      let quick = rest.first == "run" ? QuickRunArguments.parse(Array(rest.dropFirst())) : nil
      run(ConDuctCommand.self, rest, quick: quick, name: "con-duct")
    } else {
      run(DuctCommand.self, rest, quick: QuickRunArguments.parse(rest), name: "duct")
    }
  }

  /// The arguments, with bytes that are no UTF-8 kept as escapes.
  private static var arguments: [String] {
    processArguments.map { String(escaping: $0) }
  }

  /// Parses and runs. Bad input gets one line on standard error and exit code 2.
  private static func run<Command: ParsableCommand>(
    _ type: Command.Type, _ words: [String], quick: RunOptions?, name: String
  ) -> Never {
    do {
      if let quick { try RunArguments.execute(quick) }
      var command = try type.parseAsRoot(words)
      try command.run()
      leave(0)
    } catch let error as UsageError {
      complain("\(name): error: \("\(error)".bounded())")
      leave(2)
    } catch let code as ExitCode {
      leave(code.rawValue)
    } catch {
      // Help and version are "errors" with exit code 0, and go to standard output.
      if type.exitCode(for: error) == .success {
        print(type.fullMessage(for: error))
        leave(0)
      }
      complain("\(name): error: \(oneLine(type.message(for: error))); see \(name) --help")
      leave(2)
    }
  }

  /// The parser lists choices on lines of their own.
  private static func oneLine(_ message: String) -> String {
    let lines = message.split(separator: "\n")
    guard let first = lines.first else { return message }
    let choices = lines.dropFirst().map { $0.drop { $0 == " " || $0 == "-" } }
    let text = choices.isEmpty ? String(first) : first + " " + choices.joined(separator: ", ")
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  /// Ends the process without the C library's clean-up: a thread of duct's may hang in a file system.
  private static func leave(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}
