import ArgumentParser
import DuctRecords

/// `duct`: runs a command and records it.
struct DuctCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "duct",
    abstract: "Run a command; record what it does, what it uses, and its Slurm jobs.",
    usage: "duct [<options>] <command> [<arguments> …]",
    discussion: RunDiscussion.text,
    version: "duct \(Versions.duct)")

  @OptionGroup var arguments: RunArguments

  func run() throws { try arguments.execute(as: Self.self) }
}
