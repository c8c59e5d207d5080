internal import SlurmJobs

/// Gives each run the jobs of an answer that can be its own, so that an answer for many runs is read once and not once
/// for each.
enum AnswerDivision {
  /// The answer for each ledger: jobs with the tag of its run, and jobs, arrays and heterogeneous jobs that it knows.
  static func parts(
    of answer: SlurmAnswer, _ tags: [String?], _ ledgers: [JobLedger]
  ) -> [SlurmAnswer] {
    guard ledgers.count > 1 else { return [answer] }
    var byTag: [String: [Int]] = [:]
    var byID: [UInt32: [Int]] = [:]
    for index in ledgers.indices {
      if let tag = tags[index] { byTag[tag, default: []].append(index) }
      for id in ledgers[index].ids { byID[id, default: []].append(index) }
    }
    var rest = answer
    rest.jobs = []
    var parts = ledgers.map { _ in rest }
    for job in answer.jobs {
      var places = JobTag.runID(of: job.wckey).flatMap { byTag[JobTag.tag(ofRun: $0)] } ?? []
      for id in [job.record.jobID, job.record.arrayJobID, job.record.hetJobID] {
        guard let id, let known = byID[id] else { continue }
        places += known.filter { !places.contains($0) }
      }
      for place in places { parts[place].jobs.append(job) }
    }
    return parts
  }
}
