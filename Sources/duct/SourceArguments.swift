import ArgumentParser
import DuctRecords
import DuctReports
import DuctSettings
import Glibc
import RecordText
import SlurmClient
import SlurmJobs
import SystemCalls

/// The options of `con-duct report` that select what it is about: runs by time, and jobs that duct did not wrap.
struct SourceArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Report these jobs, which need no record of a run: 118,200_[1-9],200_3,118+1.", valueName: "ids"))
  var job: String?

  @Option(
    defaultAsFlag: "",
    help: ArgumentHelp(
      "Report the jobs of this user, or your own, from --since on (default: today). A path behind it needs a -- in between.",
      valueName: "name"))
  var user: String?

  @Option(
    help: ArgumentHelp(
      "Only runs that began since then, and with --user jobs that had not ended before. A time as for sacct, or yesterday.",
      valueName: "time"))
  var since: String?

  @Option(
    help: ArgumentHelp(
      "Only runs that began until then, and with --user jobs submitted until then.", valueName: "time"))
  var until: String?

  @Option(
    help: ArgumentHelp(
      "With --user: only jobs with such a name; a pattern of the shell, such as 'train*'.",
      valueName: "pattern"))
  var name: String?

  func validate() throws {
    _ = try selection()
    let (since, until) = (try time(self.since, "--since"), try time(self.until, "--until"))
    if let since, let until, since > until { throw ValidationError("--until is before --since") }
    if name != nil, user == nil { throw ValidationError("--name selects among the jobs of --user") }
  }

  /// Jobs are asked for that no record names.
  var asksSlurm: Bool { job != nil || user != nil }

  private func time(_ text: String?, _ option: String) throws -> Int? {
    guard let text else { return nil }
    do throws(Problem) { return try SlurmTime(text).seconds } catch {
      throw ValidationError("\(option): \(error)")
    }
  }

  private func selection() throws -> JobSelection {
    guard let job else { return JobSelection() }
    do throws(Problem) { return try JobSelection(job) } catch { throw ValidationError("--job: \(error)") }
  }

  private func userJobs() throws -> UserJobs? {
    guard let user else { return nil }
    let account = user.isEmpty ? UserAccount(uid: getuid()) : UserAccount(name: user.originalBytes)
    let name = account.map { String(escaping: $0.name) } ?? user
    guard let uid = user.isEmpty ? getuid() : account?.uid ?? UInt32(user) else {
      throw UsageError("--user: there is no user '\(user)' on this host")
    }
    return UserJobs(
      uid: uid, name: name, since: try time(since, "--since") ?? SlurmTime("today").seconds,
      until: try time(until, "--until"), pattern: self.name)
  }

  /// The runs whose records `paths` name, and the jobs that are asked for. Tells what is not found.
  ///
  /// - Parameters:
  ///   - isMeant: whether a run belongs into the report.
  ///   - refresh: Slurm is asked for the present states.
  ///   - limit: seconds for all requests to Slurm together.
  func gather(
    _ paths: [String], isMeant: (RecordedRun) -> Bool, refresh: Bool, _ surroundings: Surroundings,
    _ by: SlurmBy, limit: Double
  ) throws -> GatheredJobs {
    if asksSlurm, !refresh {
      throw UsageError("--job and --user ask Slurm; they do not go with --no-refresh")
    }
    let deadline = MonotonicInstant.now + limit
    var files = SlurmOutputFiles(paths, isRecord: LogPaths.isInfo)
    let user = try userJobs()
    var gathered = GatheredJobs()
    // Without paths, the records at the output prefix: but not if other jobs are asked for.
    let readsRecords = paths.isEmpty ? !asksSlurm : !files.others.isEmpty
    if readsRecords {
      let finder = RecordArguments.find(files.others, surroundings)
      gathered.isIncomplete = !finder.problems.isEmpty
      gathered.unreadRecords = finder.unreadRecords.map(\.description)
      let (since, until) = (try time(since, "--since"), try time(until, "--until"))
      let runs = finder.runs.filter { isMeant($0) && $0.began(since, until) }
      for run in finder.runs { files.leaveOut(run.jobs) }
      gathered.add(runs, refresh ? JobRefresh(runs, surroundings, by: by, limit: limit) : nil)
    }
    let selection = try selection()
    guard !selection.isEmpty || !files.isEmpty || user != nil else { return gathered }
    if !refresh {
      tell("jobs of output files are left out: Slurm knows them, and --no-refresh asks it nothing")
      return gathered
    }
    let search = JobSearch(
      selection, files, user, surroundings, by: by, limit: max(deadline.seconds(since: .now), 1))
    for line in search.notFound { tell(line) }
    gathered.isIncomplete = gathered.isIncomplete || !search.notFound.isEmpty
    gathered.add(search)
    return gathered
  }
}
