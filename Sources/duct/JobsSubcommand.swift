import ArgumentParser
import DuctReports
import DuctSettings
import RecordText
import SlurmClient
import SlurmJobs

/// `con-duct jobs`.
struct JobsSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "Show the Slurm jobs of runs and their present states.",
    discussion: """
      Accounting knows the jobs that have ended. With --run, Slurm finds the jobs by the tag that the run gave \
      them, even if all its records are lost; run_id is in info.json, and part of the wckey of each job \
      (squeue -o %w, sacct -o wckey).
      """)

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("Find the jobs of this run by their tag, without its records.", valueName: "run_id"))
  var runID: String?

  @OptionGroup var choice: JobChoiceArguments

  @Flag(
    help:
      "Print only the ids, one a line, as scancel takes them: of jobs of the local cluster, or of --cluster.")
  var ids = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(inversion: .prefixedNo, help: "Ask Slurm for the present states.")
  var refresh = true

  @Flag(
    help: ArgumentHelp(
      "Show progress until all jobs have ended. The exit code is 1 if a job did not end well."))
  var watch = false

  @Flag(
    help: ArgumentHelp(
      "Print the commands that submit the failed jobs again, or those of --state; of arrays, only these tasks."
    ))
  var resubmitFailed = false

  @Flag(help: "With --resubmit-failed: run these commands.")
  var yes = false

  @OptionGroup var slurm: SlurmArguments

  @Argument(help: ArgumentHelp(RecordArguments.help, valueName: "path"))
  var paths: [String] = []

  func validate() throws {
    if runID != nil, !paths.isEmpty {
      throw ValidationError("--run finds jobs without records; give one or the other")
    }
    if ids, json { throw ValidationError("--ids and --json are two forms; give one or the other") }
    if yes, !resubmitFailed { throw ValidationError("--yes goes with --resubmit-failed") }
    if resubmitFailed, ids || json { throw ValidationError("--resubmit-failed has a form of its own") }
    if watch {
      let others = [
        (resubmitFailed, "--resubmit-failed"),
        (ids, "--ids"), (json, "--json"), (!refresh, "--no-refresh"), (choice.state != nil, "--state"),
        (choice.failed, "--failed"), (choice.cluster != nil, "--cluster"),
      ]
      if let other = others.first(where: \.0) { throw ValidationError("--watch does not go with \(other.1)") }
    }
    if runID?.isEmpty == true { throw ValidationError("--run must name a run") }
    if runID != nil, !refresh { throw ValidationError("--run asks Slurm; it does not go with --no-refresh") }
  }

  func run() throws {
    let surroundings = Surroundings()
    let by = try slurm.way(surroundings)
    if watch { return try watchJobs(surroundings, by) }
    let (listing, problem) =
      try runID.map { try byTag($0, surroundings, by) } ?? byRecords(surroundings, by)
    var choice = try self.choice.choice()
    if resubmitFailed, choice.states == nil { choice.onlyFailed = true }
    let chosen = listing.filtered(choice)
    if resubmitFailed {
      if let problem { tell("Slurm did not answer everything: \(problem)") }
      return try resubmit(chosen.jobsByCampaign, surroundings, by)
    }
    if ids {
      try showIDs(chosen.jobs, surroundings, by)
    } else {
      try show(json ? chosen.json() : chosen.text(width: terminalWidth))
    }
    if let problem { tell("Slurm did not answer everything: \(problem)") }
  }

  private func showIDs(_ jobs: [JobRecord], _ surroundings: Surroundings, _ by: SlurmBy) throws {
    let cluster =
      try choice.choice().cluster
      ?? LocalClusterName.find(surroundings, by: by, limit: slurm.slurmTimeout)
    let ids = CancelIDs(jobs, ofCluster: cluster)
    try show(ids.text)
    if let problem = ids.problem { tell(problem) }
  }

  private func byTag(
    _ runID: String, _ surroundings: Surroundings, _ by: SlurmBy
  ) throws -> (JobListing, String?) {
    let refreshed = JobRefresh(runID: runID, surroundings, by: by, limit: slurm.slurmTimeout)
    try complainOfNoJobs(refreshed, of: runID)
    let jobs = refreshed.jobs.first ?? []
    return (JobListing([.init(prefix: nil, runID: runID, jobs: jobs)]), refreshed.problem)
  }

  func complainOfNoJobs(_ refreshed: JobRefresh, of runID: String) throws {
    guard refreshed.jobs.first?.isEmpty != false else { return }
    let reason = refreshed.problem.map { ": \($0)" } ?? "; the run id is in its info.json, as run_id"
    tell("no jobs with the tag of run \(runID) are known\(reason)")
    throw ExitCode(1)
  }

  func findRecords(_ surroundings: Surroundings) throws -> RunFinder {
    let finder = RecordArguments.find(paths, surroundings)
    if finder.runs.isEmpty {
      if finder.problems.isEmpty { tell("there are no records here; name some, or use --run") }
      throw ExitCode(1)
    }
    return finder
  }

  private func byRecords(
    _ surroundings: Surroundings, _ by: SlurmBy
  ) throws -> (JobListing, String?) {
    let finder = try findRecords(surroundings)
    let refreshed = refresh ? JobRefresh(finder.runs, surroundings, by: by, limit: slurm.slurmTimeout) : nil
    let jobs = refreshed?.jobs ?? finder.runs.map(\.jobs)
    let runs = zip(finder.runs, jobs).map { run, jobs in
      JobListing.Run(
        prefix: run.prefix, runID: run.runID, state: run.presentState, jobs: jobs,
        unreadableJobs: run.unreadableJobs, problem: refreshed?.problem ?? run.slurmProblem,
        campaign: run.campaign, record: run)
    }
    return (JobListing(runs), refreshed?.problem)
  }
}
