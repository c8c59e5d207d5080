/// Why a job waits, or how it ended: Slurm's word for it, told to users who have not read Slurm's manual.
public struct StateReason: Sendable, Equatable {
  /// A clause in lower case without a full stop. "It" is the job.
  public let text: String
  /// What its user can do: an imperative sentence without a full stop. Nil if only time helps, or if duct
  /// does not know the reason.
  public let advice: String?
  let outlook: Outlook

  /// Whether a job that waits for this reason starts without a change to it, or to what it may do.
  ///
  /// It does if it waits for a part of the cluster that is out of service, such as a node or a partition.
  enum Outlook: Sendable {
    case mayStart
    /// It never starts in the partition that Slurm last tried. It can start in another one that it asked for.
    case notInThisPartition
    case neverStarts
  }

  /// - Parameter reason: `JobRecord.stateReason`: the word that squeue, sacct and scontrol print as the
  ///   reason, or the sentence that slurmctld has in its place. scontrol prints underscores for spaces.
  public init(_ reason: String) {
    // First as it is: a record of 100,000 waiting jobs has a few words.
    if let known = Self.words[reason] {
      self = known
      return
    }
    let reason = reason.contains(" ") ? reason : reason.replacing("_", with: " ")
    self = Self.known(reason) ?? Self.severalTasks(reason) ?? Self.mayStart(Self.readable(reason))
  }

  /// The job waits and does not start until somebody changes it or what it may do: its dependency failed, it is held,
  /// or it asks for what it may not have.
  ///
  /// This is the one rule for all of duct: nothing waits for such a job (`--wait-jobs`, `con-duct jobs --watch`), and
  /// reports list it among those that need attention. A job with several partitions can still start in another one
  /// than that which the reason is about.
  public static func neverStarts(_ job: JobRecord) -> Bool {
    guard job.state == .pending, let reason = job.stateReason else { return false }
    return switch StateReason(reason).outlook {
    case .mayStart: false
    case .notInThisPartition: job.partition?.contains(",") != true
    case .neverStarts: true
    }
  }

  private init(_ text: String, _ advice: String?, _ outlook: Outlook) {
    self.text = text
    self.advice = advice
    self.outlook = outlook
  }

  static func mayStart(_ text: String, _ advice: String? = nil) -> Self { Self(text, advice, .mayStart) }

  static func notHere(_ text: String, _ advice: String) -> Self { Self(text, advice, .notInThisPartition) }

  static func never(_ text: String, _ advice: String) -> Self { Self(text, advice, .neverStarts) }

  private static func known(_ reason: String) -> Self? {
    if let known = words[reason] ?? sentence(reason) { return known }
    guard let limit = LimitReason(reason) else { return nil }
    return Self(limit.text, limit.advice, limit.isOnTheJob ? .notInThisPartition : .mayStart)
  }

  /// squeue's text for tasks of an array that wait for different reasons: `Resources,JobArrayTaskLimit`.
  private static func severalTasks(_ reason: String) -> Self? {
    let parts = reason.split(separator: ",").map { known(String($0)) }
    let reasons = parts.compactMap { $0 }
    guard reasons.count == parts.count, reasons.count > 1 else { return nil }
    let outlooks = reasons.map(\.outlook)
    return Self(
      reasons.map(\.text).joined(separator: "; for other tasks: "), nil,
      outlooks.contains(.mayStart)
        ? .mayStart : outlooks.contains(.notInThisPartition) ? .notInThisPartition : .neverStarts)
  }

  /// Sentences of slurmctld with a name or a number in them.
  private static func sentence(_ reason: String) -> Self? {
    if let signal = reason.rest(after: "RaisedSignal:") {
      let number = Int(signal.prefix { $0.isNumber })
      return number.map { mayStart("\(EndCause.signal($0).text) ended its script") }
    }
    if let nodes = reason.rest(after: "ReqNodeNotAvail, UnavailableNodes:") {
      return words["ReqNodeNotAvail"].map { mayStart("\($0.text): \(nodes)", $0.advice) }
    }
    if reason.hasPrefix("Reservation ") {
      if reason.hasSuffix(" was deleted") { return words["ReservationDeleted"] }
      if reason.hasSuffix(" is invalid") { return words["ReservationInvalid"] }
    }
    if reason.hasPrefix("Job is at or exceeds ") {
      return mayStart("the time that its account or quality of service (QOS) may use was used up")
    }
    if reason.hasPrefix("Job's QOS ") { return words["QOSNotAllowed"] }
    // From 24.11 on (seen), the second sentence is for users outside of the partition's groups.
    let isOfAccount = reason.hasPrefix("Job's account ")
    return isOfAccount || reason.contains(" not in group permitted ") ? words["AccountNotAllowed"] : nil
  }

  /// A reason that duct does not know, as words: `NewThingHappened` as "new thing happened".
  private static func readable(_ reason: String) -> String {
    let words = reason.split(separator: " ").flatMap { word in
      word.allSatisfy { $0.isLetter || $0.isNumber } ? word.camelCaseWords : [String(word)]
    }
    let text = words.joined(separator: " ")
    if text.isEmpty { return "Slurm gives no reason" }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}

extension String {
  fileprivate func rest(after start: String) -> Substring? {
    hasPrefix(start) ? dropFirst(start.count) : nil
  }
}

extension Substring {
  /// The words in lower case, but for abbreviations: `NewGRESLimit2` as "new", "GRES", "limit2".
  fileprivate var camelCaseWords: [String] {
    var words: [String] = []
    var word = ""
    for index in indices {
      let letter = self[index]
      let next = self[index...].dropFirst().first
      // A capital begins a word after a small letter, and as the last of several capitals.
      let begins = letter.isUppercase && (word.last?.isUppercase == false || next?.isLowercase == true)
      if begins, !word.isEmpty {
        words.append(word)
        word = ""
      }
      word.append(letter)
    }
    words.append(word)
    return words.map { $0.count > 1 && $0.allSatisfy { !$0.isLowercase } ? $0 : $0.lowercased() }
  }
}
