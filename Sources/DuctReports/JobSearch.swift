public import DuctSettings
import Glibc
internal import RecordText
public import SlurmClient
public import SlurmJobs
internal import SystemCalls

/// The jobs of a user in a span of time.
public struct UserJobs: Sendable {
  public var uid: UInt32
  /// For messages.
  public var name: String
  /// Jobs that had not ended then, in seconds since 1970.
  public var since: Int
  /// Jobs submitted until then; nil: until now.
  public var until: Int?
  /// A pattern of the shell for the names of the jobs; nil: any name.
  public var pattern: String?

  public init(uid: UInt32, name: String, since: Int, until: Int? = nil, pattern: String? = nil) {
    (self.uid, self.name, self.since, self.until, self.pattern) = (uid, name, since, until, pattern)
  }

  func contains(_ job: JobRecord) -> Bool {
    if let end = job.endTime, end < since { return false }
    if let until, let submit = job.submitTime, submit > until { return false }
    guard let pattern else { return true }
    return fnmatch(pattern, job.name ?? "", 0) == 0
  }
}

/// Finds jobs that no record of a run names, in slurmctld and slurmdbd, with at most two requests to each.
public struct JobSearch: Sendable {
  public private(set) var jobs: [JobRecord] = []
  /// What was asked for and not found, in one line each.
  public private(set) var notFound: [String] = []
  /// Why Slurm did not answer everything; nil if it did.
  public private(set) var problem: String?
  /// The ids of the users of the jobs.
  public private(set) var uids: Set<UInt32> = []

  private let slurm: SlurmInquiry
  private var ledger = JobLedger()
  private static let mostNamed = 10

  /// - Parameters:
  ///   - selection: jobs by id.
  ///   - files: output files of jobs, which tell ids too.
  ///   - limit: seconds for all requests together.
  public init(
    _ selection: JobSelection, _ files: SlurmOutputFiles, _ user: UserJobs?, _ surroundings: Surroundings,
    by: SlurmBy, limit: Double
  ) {
    slurm = SlurmInquiry(surroundings, by: by, limit: limit)
    let start = WallTime.now.seconds
    let ofFiles = files.jobs
    let ids = Set(selection.ids).union(ofFiles.ids).sorted()
    if !ids.isEmpty {
      let isWanted = { (job: JobRecord) in selection.contains(job) || ofFiles.contains(job) }
      take(.jobs(ids: ids), .slurmctld, isWanted)
      take(.accountingJobs(ids: ids, cluster: nil), .slurmdbd, isWanted)
    }
    if let user {
      take(.jobsOfUser(uid: user.uid), .slurmctld, user.contains)
      take(
        .accountingOfUser(uid: user.uid, since: user.since, until: user.until, tags: []), .slurmdbd,
        user.contains)
    }
    ledger.markStale(notSeenSince: start)
    jobs = ledger.jobs.filter { job in
      selection.contains(job) || ofFiles.contains(job) || user?.contains(job) == true
    }
    for index in jobs.indices { jobs[index].detectedBy = [] }
    addFiles(files, selection, user)
    tellMissing(selection, files, user)
  }

  private mutating func take(
    _ request: SlurmRequest, _ source: JobSource, _ isWanted: (JobRecord) -> Bool
  ) {
    do throws(SlurmFailure) {
      let answer = try slurm.ask(request)
      for job in answer.jobs where isWanted(job.record) {
        if let uid = job.uid { uids.insert(uid) }
      }
      // The ledger takes only jobs for which there is evidence. Here the user's word is.
      ledger.apply(answer, from: source, at: WallTime.now.seconds) { isWanted($0.record) ? [.tag] : [] }
    } catch {
      problem = problem ?? error.message
    }
  }

  /// Gives jobs their files where Slurm does not tell them, as slurmdbd up to 23.11. Leaves out files of earlier jobs
  /// with the same ids.
  private mutating func addFiles(_ files: SlurmOutputFiles, _ selection: JobSelection, _ user: UserJobs?) {
    var foreign: Set<Int> = []
    for index in jobs.indices {
      guard let file = files.file(of: jobs[index]) else { continue }
      // A minute, because the clock of the file system may be behind.
      if let start = jobs[index].submitTime, file.changed < start - 60 {
        notFound.append(
          "\(file.path) is older than job \(jobs[index].displayID): it is the output of an earlier job with that id"
        )
        if !selection.contains(jobs[index]), user?.contains(jobs[index]) != true { foreign.insert(index) }
      } else {
        jobs[index].stdoutPath = jobs[index].stdoutPath ?? file.path
      }
    }
    jobs = jobs.indices.filter { !foreign.contains($0) }.map { jobs[$0] }
  }

  private mutating func tellMissing(_ selection: JobSelection, _ files: SlurmOutputFiles, _ user: UserJobs?) {
    // If Slurm did not answer, `problem` tells why.
    if problem != nil { return }
    let missing = selection.missing(in: jobs)
    // A file of an earlier job was told already.
    let all = ledger.jobs
    let missingFiles = files.jobs.missing(in: all)
    if !missing.isEmpty || !missingFiles.isEmpty {
      let names = missing + missingFiles
      let more = names.count - Self.mostNamed
      notFound.append(
        "Slurm does not know job \(names.prefix(Self.mostNamed).joined(separator: ", "))\(more > 0 ? " and \(more) more" : ""), or may not show it to you (PrivateData)"
      )
    }
    if let user, jobs.allSatisfy({ !user.contains($0) }) {
      let named = user.pattern.map { " named \($0)" } ?? ""
      let privacy = user.uid == getuid() ? "" : ", or Slurm may not show them to you (PrivateData)"
      notFound.append("user \(user.name) had no jobs\(named) in that time\(privacy)")
    }
  }
}
