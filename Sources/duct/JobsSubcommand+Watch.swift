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
  /// Shows the jobs until all have ended.
  ///
  /// - Throws: `ExitCode`: 1 if a job did not end well, or 128 + n after signal n.
  func watchJobs(_ surroundings: Surroundings, _ by: SlurmBy) throws {
    let signals: SignalFile
    do throws(Errno) { signals = try JobWatch.blockSignals() } catch {
      tell("cannot watch: \(error.description) (\(error.name))")
      throw ExitCode(1)
    }
    var polls = JobPolls()
    if let runID {
      let refreshed = JobRefresh(runID: runID, surroundings, by: by, limit: slurm.slurmTimeout)
      let tag = runID.hasPrefix(JobTag.prefix) ? runID : JobTag.tag(ofRun: runID)
      try complainOfNoJobs(refreshed, of: runID)
      polls.add(tag: tag, jobs: refreshed.jobs.first ?? [])
    } else {
      let finder = try findRecords(surroundings)
      let refreshed = JobRefresh(finder.runs, surroundings, by: by, limit: slurm.slurmTimeout)
      if let problem = refreshed.problem { tell("Slurm did not answer everything: \(problem)") }
      polls.take(finder.runs, jobs: refreshed.jobs)
    }
    let isTerminal = surroundings["TERM"] != "dumb"
    var watch = JobWatch(polls, width: { isTerminal ? terminalWidth : nil }, write: show)
    let (paths, limit) = (self.paths, slurm.slurmTimeout)
    let isByRecords = runID == nil
    let end = try watch.run(signals) { polls in
      // A run that goes on writes what it submits into its record.
      if isByRecords, polls.hasActiveRuns {
        let runs = RunFinder(paths, surroundings).runs
        polls.take(runs, jobs: runs.map(\.jobs))
      }
      polls.poll(surroundings, by: by, limit: limit)
    }
    switch end {
    case .ofJobs(let isWell): if !isWell { throw ExitCode(1) }
    case .signal(let number): throw ExitCode(128 + number)
    }
  }
}
