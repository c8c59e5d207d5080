import ArgumentParser
import DuctRecords

/// `duct`: runs a command and records it.
struct DuctCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "duct",
    abstract: RunHelp.abstract,
    usage: RunHelp.usage("duct"),
    discussion: RunHelp.discussion,
    version: "duct \(Versions.duct)")

  @OptionGroup var arguments: RunArguments

  func run() throws { try arguments.execute(as: "duct") }
}
