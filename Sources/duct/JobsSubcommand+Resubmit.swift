import ArgumentParser
import DuctReports
import DuctSettings
import Glibc
import RecordText
import SlurmClient
import SlurmJobs
import SystemCalls
import SystemPackage

extension JobsSubcommand {
  /// Seconds that one sbatch may take.
  private static let longestSubmission = 120.0

  /// Prints the commands that submit jobs again, and with `--yes` runs them.
  ///
  /// - Parameter runs: the chosen jobs of each run, with its campaign.
  /// - Throws: `ExitCode(1)` if a job is not submitted again.
  func resubmit(
    _ runs: [(jobs: [JobRecord], campaign: String?)], _ surroundings: Surroundings, _ by: SlurmBy
  ) throws {
    let cluster = LocalClusterName.find(surroundings, by: by, limit: slurm.slurmTimeout)
    let outcomes = runs.flatMap { Resubmission.of($0.jobs, campaign: $0.campaign, localCluster: cluster) }
    if outcomes.isEmpty { tell("no job is to be submitted again") }
    let runner = ProgramRunner(children: ChildProcesses(reaping: .byWaiters))
    var isComplete = true
    for outcome in outcomes {
      switch outcome {
      case .failure(let refusal):
        tell(refusal.line)
        isComplete = false
      case .success(let resubmission):
        try show(resubmission.shellLine + "\n")
        if yes, !(try submit(resubmission, runner, surroundings)) { isComplete = false }
      }
    }
    if outcomes.contains(where: { (try? $0.get()) != nil }) {
      let check = "heck arguments that held spaces: Slurm does not keep quotes"
      tell(yes ? "c" + check : "nothing was submitted; --yes does so. C" + check)
    }
    if !isComplete {
      tell("submit by hand what is not submitted again here")
      throw ExitCode(1)
    }
  }

  /// False if sbatch fails, which is told.
  private func submit(
    _ resubmission: Resubmission, _ runner: ProgramRunner, _ surroundings: Surroundings
  ) throws -> Bool {
    // sh changes the directory, because a Program has none of its own.
    var program = Program(
      path: Array("/bin/sh".utf8),
      arguments: ["sh", "-c", "cd -- \"$0\" && exec \"$@\"", resubmission.directory].map { Array($0.utf8) })
    program.arguments[3] = resubmission.directory.originalBytes
    program.arguments += resubmission.words.map(\.originalBytes)
    let name = Array("DUCT_CAMPAIGN=".utf8)
    program.environment =
      surroundings.entries.filter { resubmission.campaign == nil || !$0.starts(with: name) }
      + (resubmission.campaign.map { [name + $0.originalBytes] } ?? [])
    let result: ProgramRunner.Result
    do throws(Errno) {
      result = try runner.run(program, outputLimit: 1 << 20, until: .now + Self.longestSubmission)
    } catch {
      tell("\(resubmission.title): cannot start sh: \(error.description) (\(error.name))")
      return false
    }
    try show(String(escaping: result.output))
    if result.exit == .exited(0) { return true }
    let words = String(escaping: result.diagnostics).trimmed
    let reason =
      result.exit?.words ?? "no answer within \(Int(Self.longestSubmission)) s, so it may have been submitted"
    tell(
      "\(resubmission.title) is not submitted again: sbatch: \(reason)\(words.isEmpty ? "" : ": \(words)")")
    return false
  }
}
