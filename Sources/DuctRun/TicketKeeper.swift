internal import DuctSettings
internal import HostPrograms
internal import KerberosTickets
internal import Logging
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Keeps a Kerberos ticket alive for a run (`--renew-ticket`), on a thread of its own. `TicketKeeping` decides, and a
/// process for each task calls libkrb5 (`TicketHelper`).
final class TicketKeeper: Sendable {
  /// Seconds for one task. libkrb5 asks each KDC of a realm several times, a second and more apart.
  private static let taskLimit = 60.0
  /// Seconds for aklog.
  private static let tokenLimit = 30.0
  /// Seconds between two looks at the clock, which somebody may set, and which goes on while the host sleeps.
  private static let longestWait = 600.0
  private static let longestAnswer = 64 << 10

  private let settings: RunSettings
  private let surroundings: Surroundings
  private let services: RunServices
  private let program: FilePath
  private let runID: String
  private let programs: ProgramRunner
  private let isEnding = Monitor(false)
  private let hasEnded = Monitor(false)

  private var log: Logger { services.log }
  private var isShared: Bool { settings.renewTicket == .shared }

  /// - Parameters:
  ///   - program: the executable of duct.
  ///   - runID: names the run's own cache.
  init(
    _ settings: RunSettings, _ surroundings: Surroundings, _ services: RunServices, program: FilePath,
    runID: String
  ) throws(Errno) {
    self.settings = settings
    self.surroundings = surroundings
    self.services = services
    self.program = program
    self.runID = runID
    programs = ProgramRunner(children: services.children)
    _ = try OwnThread("duct ticket") { [self] in
      work()
      hasEnded.update { $0 = true }
    }
  }

  /// Ends the renewals, and removes the cache of the run. Waits for the thread until the deadline: usually it sleeps.
  func finish(until deadline: MonotonicInstant) {
    isEnding.update { $0 = true }
    repeat {
      programs.cancel()
    } while hasEnded.wait(until: min(deadline, .now + 0.05), for: { $0 ? true : nil }) == nil
      && deadline > .now
    if !isShared { OwnTicketCache(runID: runID).remove() }
  }

  // MARK: The thread

  private func work() {
    var keeping = TicketKeeping(isShared: isShared, runEnd: surroundings.jobEnd)
    var task: TicketTask? = keeping.first
    var tokens = TokenRenewal(surroundings, programs, services, limit: Self.tokenLimit)
    while let current = task, !isEnding.withLock({ $0 }) {
      let event = perform(current)
      // Whatever the task answered, it was ended.
      if isEnding.withLock({ $0 }) { return }
      if case .answered(let ticket) = event { tokens.note(ticket, isEnding: isEnding) }
      task = nil
      for action in keeping.step(event, now: WallTime.now.seconds) {
        switch action {
        case .tell(let news): tell(news)
        case .next(let next, let time):
          guard wait(until: time) else { return }
          task = next
        }
      }
    }
  }

  /// False if the run ends before.
  private func wait(until time: Double) -> Bool {
    while true {
      let left = time - WallTime.now.seconds
      if left <= 0 { return true }
      let limit = MonotonicInstant.now + min(left, Self.longestWait)
      if isEnding.wait(until: limit, for: { $0 ? true : nil }) != nil { return false }
    }
  }

  private func tell(_ news: TicketNews) {
    if news.isWarning { log.warning("\(news.text)") } else { log.info("\(news.text)") }
  }

  private func perform(_ task: TicketTask) -> TicketKeeping.Event {
    var start = Program(
      path: program.bytes,
      arguments: ["con-duct", TicketHelper.word, task.rawValue, runID].map { Array($0.utf8) })
    start.environment = surroundings.entries
    start.signalMask = services.originalMask
    do throws(Errno) {
      let result = try programs.run(
        start, outputLimit: Self.longestAnswer, until: .now + Self.taskLimit)
      guard let exit = result.exit else {
        return .broken("no answer within \(fixed(Self.taskLimit, decimals: 0)) s")
      }
      guard exit == .exited(0), let answer = try? TicketAnswer(json: result.output) else {
        return .broken("the process that asks libkrb5 ended with \(exit.words), and without an answer")
      }
      log.debug("Ticket: \(task.rawValue): \(String(escaping: answer.jsonLine).trimmed)")
      if let ticket = answer.ticket { return .answered(ticket) }
      let problem = answer.problem ?? "no answer"
      if answer.isFinal { return .impossible(problem) }
      return answer.isCopyProblem ? .broken(problem) : .failed(problem)
    } catch {
      return .broken("cannot start \(program): \(error.description) (\(error.name))")
    }
  }
}

/// Gets AFS tokens for each renewed ticket, where there is an AFS and an aklog(1).
private struct TokenRenewal {
  private let surroundings: Surroundings
  private let programs: ProgramRunner
  private let services: RunServices
  private let limit: Double
  /// The end of the ticket that the tokens are of; nil before the first one.
  private var end: Double?
  private var hasFailed = false

  init(_ surroundings: Surroundings, _ programs: ProgramRunner, _ services: RunServices, limit: Double) {
    (self.surroundings, self.programs, self.services, self.limit) = (surroundings, programs, services, limit)
  }

  /// The first ticket is that of the login, which has tokens already.
  ///
  /// - Parameter isEnding: the run ends, so aklog was ended, too.
  mutating func note(_ ticket: KerberosTicket, isEnding: Monitor<Bool>) {
    defer { end = ticket.end }
    guard let end, ticket.end > end, isInPath("aklog", path: surroundings.environment["PATH"]) else { return }
    let answer = ProgramAnswer.of(
      "aklog", [], surroundings, setting: ["KRB5CCNAME": ticket.cache], by: programs,
      mask: services.originalMask, within: limit)
    if isEnding.withLock({ $0 }) { return }
    switch answer {
    case .printed: hasFailed = false
    case .isMissing: break
    case .failed(let reason, _): tell(reason)
    case .hangs(let seconds): tell("no answer within \(fixed(seconds, decimals: 0)) s")
    }
  }

  /// Tells the first of several failures.
  private mutating func tell(_ reason: String) {
    if !hasFailed {
      services.log.warning("aklog got no AFS tokens for the renewed ticket: \(reason); duct goes on trying")
    }
    hasFailed = true
  }
}
