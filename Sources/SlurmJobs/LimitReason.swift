/// A limit that keeps a job waiting, from the word that Slurm makes of its parts: `AssocGrpCPUMinutesLimit`.
///
/// The word has up to five parts: who has the limit (`Assoc`, `QOS`, or nothing for a QOS), its kind (`Grp`,
/// `Max`, `Min`), what it counts (`Cpu`, `Jobs`), how (`Minutes`), and for what (`PerJob`). Slurm spells some
/// of them in several ways: `Cpu` and `CPU`, `Mem` and `Memory`, `Minutes` and `Mins`. Many words end with
/// `Limit`, others do not.
struct LimitReason {
  private enum Kind: String, CaseIterable {
    case group = "Grp"
    case most = "Max"
    case least = "Min"
  }

  private enum Scope: String, CaseIterable {
    case job = "PerJob"
    case node = "PerNode"
    case user = "PerUser"
    case account = "PerAccount"
  }

  /// What a limit counts.
  private enum Subject {
    /// Jobs that run.
    case jobs
    /// Jobs that run or wait.
    case submittedJobs
    /// Wall-clock time.
    case time
    case resource(Resource)
  }

  private struct Resource {
    /// `CPUs`, as in "more CPUs".
    let name: String
    /// `CPU`, as in "CPU minutes".
    let unit: String
    var isCountable = true

    /// `fewer CPUs`, `less memory`.
    var lower: String { (isCountable ? "fewer " : "less ") + name }
  }

  /// How a limit counts a resource.
  private enum Measure {
    case amount
    /// Amount times time, of all jobs that have run and run.
    case minutes
    /// Amount times the time that remains until the time limit, of the jobs that run.
    case minutesAhead
  }

  private static let subjects: [String: Subject] = [
    "Jobs": .jobs, "SubmitJobs": .submittedJobs, "SubmitJob": .submittedJobs,
    "Wall": .time, "WallDuration": .time,
    "Cpu": .resource(cpus), "CPU": .resource(cpus), "Mem": .resource(memory), "Memory": .resource(memory),
    "Node": .resource(Resource(name: "nodes", unit: "node")),
    "Energy": .resource(Resource(name: "energy", unit: "energy", isCountable: false)),
    "GRES": .resource(Resource(name: "GPUs or other devices", unit: "device")),
    "License": .resource(Resource(name: "licenses", unit: "license")),
    "BB": .resource(Resource(name: "fast storage (burst buffer)", unit: "storage", isCountable: false)),
    "Billing": .resource(Resource(name: "billing units", unit: "billing")),
    "Unknown": .resource(Resource(name: "units of a resource", unit: "resource")),
  ]
  private static let cpus = Resource(name: "CPUs", unit: "CPU")
  private static let memory = Resource(name: "memory", unit: "memory", isCountable: false)

  /// The limit is one of the account or of the user in it (an association), not of the QOS.
  private let isOfAccount: Bool
  private let kind: Kind
  private let scope: Scope?
  private let measure: Measure
  private let subject: Subject

  /// Nil if `word` does not name a limit in this way.
  init?(_ word: String) {
    var rest = Substring(word)
    isOfAccount = rest.dropStart("Assoc")
    let isOfQOS = rest.dropStart("QOS")
    guard let kind = Kind.allCases.first(where: { rest.dropStart($0.rawValue) }) else { return nil }
    _ = rest.dropEnd("Limit") || rest.dropEnd("NotSatisfied")
    scope = Scope.allCases.first { rest.dropEnd($0.rawValue) }
    if rest.dropEnd("RunMinutes") || rest.dropEnd("RunMins") {
      measure = .minutesAhead
    } else {
      measure = rest.dropEnd("Minutes") ? .minutes : .amount
    }
    // Only limits of a QOS on its users and accounts come without the QOS.
    guard isOfAccount || isOfQOS || scope == .user || scope == .account,
      let subject = Self.subjects[String(rest)]
    else { return nil }
    self.kind = kind
    self.subject = subject
  }

  /// The limit is on the job alone, so the end of other jobs does not help.
  var isOnTheJob: Bool { kind == .least || scope == .job || scope == .node }

  var text: String {
    switch subject {
    case .jobs: "as many jobs of \(group) run as may run at a time"
    case .submittedJobs: "as many jobs of \(group) wait or run as may at a time"
    case .time where isOnTheJob: "its time limit is longer than \(owner) allows"
    case .time: "the jobs of \(group) have used up their running time"
    case .resource(let resource): text(resource)
    }
  }

  private func text(_ resource: Resource) -> String {
    if kind == .least { return "it asks for \(resource.lower) than \(owner) demands of a job" }
    if isOnTheJob {
      let more = measure == .amount ? resource.name : "\(resource.unit) minutes"
      return "it asks for more \(more)\(scope == .node ? " per node" : "") than \(owner) allows a job"
    }
    return switch measure {
    case .amount: "with it, the jobs of \(group) would use more \(resource.name) at a time than they may"
    case .minutes:
      "with it, the jobs of \(group) would use more \(resource.unit) minutes in all than they may"
    case .minutesAhead:
      "with it, the running jobs of \(group) could still use more \(resource.unit) minutes than they may"
    }
  }

  var advice: String {
    switch subject {
    case .jobs, .submittedJobs: "Wait until other jobs end"
    case .time where isOnTheJob: "Ask for a shorter time limit (--time)\(otherQOS)"
    case .time: "\(otherOwner), or ask the administrators for more time"
    case .resource(let resource): advice(resource)
    }
  }

  private func advice(_ resource: Resource) -> String {
    if kind == .least { return "Ask for more \(resource.name)\(otherQOS)" }
    let less = resource.lower + (scope == .node ? " per node" : "")
    let lessTime = measure == .amount ? less : "\(less) or a shorter time limit"
    if isOnTheJob { return "Ask for \(lessTime)\(otherQOS)" }
    if measure == .minutes {
      return "\(otherOwner), or ask the administrators for more \(resource.unit) minutes"
    }
    return "Wait until other jobs end, or ask for \(lessTime)"
  }

  private static let qos = "its quality of service (QOS)"

  private var owner: String { isOfAccount ? "its account" : Self.qos }
  private var otherOwner: String { isOfAccount ? "Use another account" : "Use another QOS" }
  private var otherQOS: String { isOfAccount ? "" : ", or use another QOS" }

  /// Whose jobs count together.
  private var group: String {
    if kind == .group { return owner }
    return "its \(scope == .account ? "account" : "user") in \(owner)"
  }
}

extension Substring {
  /// Drops `part` from the start; false if it is not there.
  fileprivate mutating func dropStart(_ part: String) -> Bool {
    guard hasPrefix(part) else { return false }
    removeFirst(part.count)
    return true
  }

  /// Drops `part` from the end; false if it is not there.
  fileprivate mutating func dropEnd(_ part: String) -> Bool {
    guard hasSuffix(part) else { return false }
    removeLast(part.count)
    return true
  }
}
