internal import RecordText
internal import SlurmJobs

/// Jobs that need attention for the same reason: the tasks of an array, or jobs of one name.
///
/// A night with 2,000 tasks that waited for one failed job is one entry of a report, and not 2,000.
struct AttentionGroup: Sendable {
  /// In the order of the report. Never empty.
  private(set) var jobs: [CampaignReport.FailedJob]
  let cause: EndCause

  /// Groups of more jobs than this are told as one entry.
  static let mostInFull = 3
  /// Ids of a group that are named.
  private static let mostNamed = 8

  private struct Key: Hashable {
    var prefix: String
    var name: String
    var state: JobState
    var cause: String
  }

  /// The groups, in the order of their first jobs.
  static func groups(_ failed: [CampaignReport.FailedJob]) -> [AttentionGroup] {
    var groups: [AttentionGroup] = []
    var places: [Key: Int] = [:]
    for one in failed {
      let cause = EndCause(one.job)
      let name = one.job.arrayJobID.map { "\($0)" } ?? "name \(one.job.name ?? "")"
      let key = Key(prefix: one.prefix, name: name, state: one.job.state, cause: cause.text)
      if let place = places[key] {
        groups[place].jobs.append(one)
      } else {
        places[key] = groups.count
        groups.append(AttentionGroup(jobs: [one], cause: cause))
      }
    }
    return groups
  }

  /// The group, or each of its jobs if it has only a few.
  var entries: [AttentionGroup] {
    jobs.count <= Self.mostInFull ? jobs.map { AttentionGroup(jobs: [$0], cause: cause) } : [self]
  }

  /// How many jobs and array tasks these are.
  var count: Int { JobSummary.count(jobs.map(\.job)) }

  // MARK: Words

  /// `job 118 (train): FAILED, exit code 3, on n2, after 00:02`, or `1,988 tasks of 41 (prep): CANCELLED while it
  /// waited`.
  var title: String {
    let job = jobs[0].job
    let name = job.name.map { " (\($0))" } ?? ""
    if jobs.count == 1 {
      return "job \(job.displayID)\(name): \(([outcome] + facts(job)).joined(separator: ", "))"
    }
    let number = "\(count)".grouped
    return job.arrayJobID.map { "\(number) tasks of \($0)\(name): \(outcome)" }
      ?? "\(number) jobs\(name): \(outcome)"
  }

  /// The state in Slurm's word, and the cause in plain words.
  private var outcome: String {
    let state = jobs[0].job.state.rawValue
    let text = cause.text
    let word = state.lowercased()
    // `CANCELLED`, `cancelled while it waited`: the word stands there once.
    guard text.hasPrefix(word) else { return "\(state), \(text)" }
    return state + text.dropFirst(word.count)
  }

  private func facts(_ job: JobRecord) -> [String] {
    let elapsed = job.startTime == nil ? nil : job.elapsedSeconds
    return [job.nodeList.map { "on \($0)" }, elapsed.map { "after \(shortDuration($0))" }].compactMap { $0 }
  }

  /// What else to say of a group: its ids, and its nodes if they are few.
  var details: [String] {
    guard jobs.count > 1 else { return advice }
    let ids = jobs.prefix(Self.mostNamed).map(\.job.displayID).joined(separator: ", ")
    let more = jobs.count - Self.mostNamed
    let nodes = Set(jobs.compactMap(\.job.nodeList)).sorted()
    let places = nodes.isEmpty || nodes.count > Self.mostNamed ? nil : "on \(nodes.joined(separator: ", "))"
    return [ids + (more > 0 ? " and \("\(more)".grouped) more" : ""), places].compactMap { $0 } + advice
  }

  private var advice: [String] {
    let advice = jobs[0].job.stateReason.flatMap { StateReason($0).advice }
    return [advice].compactMap { $0.map { "advice: \($0)" } }
  }

  /// The jobs whose output is shown: the first ones that have some.
  var shown: [CampaignReport.FailedJob] {
    jobs.count == 1 ? jobs : Array(jobs.filter { !$0.outputEnd.isEmpty }.prefix(1))
  }
}

extension String {
  /// A number with a comma between groups of three digits.
  fileprivate var grouped: String {
    var text = ""
    for (index, digit) in reversed().enumerated() {
      if index > 0, index % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}
