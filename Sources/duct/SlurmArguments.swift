import ArgumentParser
import DuctSettings
import SlurmClient

extension SlurmBy: ExpressibleByArgument {}

/// The options of subcommands that ask Slurm.
struct SlurmArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How to ask Slurm, as for duct. (default: auto; environment: DUCT_SLURM_BY)", valueName: "way"))
  var slurmBy: SlurmBy?

  @Option(help: ArgumentHelp("Seconds to wait for Slurm.", valueName: "seconds"))
  var slurmTimeout = RunSettings.Defaults.slurmTimeout

  func validate() throws {
    guard slurmTimeout > 0, slurmTimeout.isFinite else {
      throw ValidationError("--slurm-timeout must be above 0")
    }
  }

  /// - Throws: `UsageError` if the variable has no known value.
  func way(_ surroundings: Surroundings) throws -> SlurmBy { try RunSettings.slurmBy(slurmBy, surroundings) }
}
