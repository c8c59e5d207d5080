import ArgumentParser
import DuctRecords

/// `con-duct`: subcommands that read the records of runs, and `run`.
struct ConDuctCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "con-duct",
    abstract: "Run commands with duct, and read the records of runs.",
    version: "con-duct \(Versions.duct)",
    subcommands: [
      RunSubcommand.self, AttachSubcommand.self, ListSubcommand.self, JobsSubcommand.self,
      ReportSubcommand.self, RecoverSubcommand.self, DoctorSubcommand.self,
    ])
}

/// `con-duct run`: the same as `duct`.
struct RunSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: RunHelp.abstract,
    usage: RunHelp.usage("con-duct run"),
    discussion: RunHelp.discussion)

  @OptionGroup var arguments: RunArguments

  func run() throws { try arguments.execute(as: "con-duct run") }
}
