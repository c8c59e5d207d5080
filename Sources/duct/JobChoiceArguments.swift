import ArgumentParser
import DuctReports
import DuctSettings
import RecordText
import SlurmJobs

/// The options that select jobs of runs.
struct JobChoiceArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Only jobs in these states, in Slurm's words, separated by commas: PENDING,RUNNING.",
      valueName: "states"))
  var state: String?

  @Flag(help: "Only jobs that failed, or of which a step failed.")
  var failed = false

  @Option(help: ArgumentHelp("Only jobs of this cluster.", valueName: "name"))
  var cluster: String?

  func validate() throws { _ = try choice() }

  /// - Throws: `ValidationError` if a state is unknown or a list is empty.
  func choice() throws -> JobChoice {
    var choice = JobChoice()
    choice.onlyFailed = failed
    choice.states = try StateChoice(state, program: "con-duct jobs").states
    choice.cluster = cluster?.lowercased()
    if cluster?.isEmpty == true { throw ValidationError("--cluster must name a cluster") }
    return choice
  }
}
