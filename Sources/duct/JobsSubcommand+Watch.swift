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
    let polls: JobPolls
    switch try JobWatch.begin(signals, find: { try firstPolls(surroundings, by) }) {
    case .found(let found): polls = found
    case .signal(let number): throw ExitCode(128 + number)
    }
    let isTerminal = surroundings["TERM"] != "dumb"
    var watch = JobWatch(polls, width: { isTerminal ? terminalWidth : nil }, write: show)
    let records = runID == nil ? WatchedRecords(paths, surroundings, by, limit: slurm.slurmTimeout) : nil
    let limit = slurm.slurmTimeout
    let end = try watch.run(signals) { polls in
      records?.read(into: &polls)
      polls.poll(surroundings, by: by, limit: limit)
    }
    switch end {
    case .ofJobs(let isWell): if !isWell { throw ExitCode(1) }
    case .signal(let number): throw ExitCode(128 + number)
    }
  }

  private func firstPolls(_ surroundings: Surroundings, _ by: SlurmBy) throws -> JobPolls {
    var polls = JobPolls()
    if let runID {
      let refreshed = JobRefresh(runID: runID, surroundings, by: by, limit: slurm.slurmTimeout)
      let tag = runID.hasPrefix(JobTag.prefix) ? runID : JobTag.tag(ofRun: runID)
      try complainOfNoJobs(refreshed, of: runID)
      polls.add(tag: tag, jobs: refreshed.jobs.first ?? [])
    } else {
      let finder = try findRecords(surroundings)
      polls.take(finder.runs, jobs: finder.runs.map(\.jobs))
    }
    return polls
  }
}

/// The records of the runs whose jobs are watched.
private struct WatchedRecords: Sendable {
  private let paths: [String]
  private let surroundings: Surroundings
  private let by: SlurmBy
  private let limit: Double
  private let isFirst = Monitor(true)

  init(_ paths: [String], _ surroundings: Surroundings, _ by: SlurmBy, limit: Double) {
    self.paths = paths
    self.surroundings = surroundings
    self.by = by
    self.limit = limit
  }

  /// Reads the records again if that can show other jobs.
  func read(into polls: inout JobPolls) {
    let isFirst = isFirst.update { first in
      defer { first = false }
      return first
    }
    if isFirst {
      // Tags find jobs that the records do not name.
      let runs = RunFinder(paths, surroundings).runs
      polls = JobPolls()
      polls.take(runs, jobs: JobRefresh(runs, surroundings, by: by, limit: limit).jobs)
    } else if polls.hasActiveRuns {
      // A run that goes on writes what it submits into its record.
      let finder = RunFinder(paths, surroundings)
      polls.take(
        finder.runs, jobs: finder.runs.map(\.jobs), problem: finder.problems.first.map { "\($0)" })
    }
  }
}
