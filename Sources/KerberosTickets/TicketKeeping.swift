/// Decides when to renew a ticket, and what to tell the user: `step` takes an event and returns the next actions. It
/// makes no calls and reads no clock.
public struct TicketKeeping: Sendable {
  public enum Event: Sendable, Equatable {
    /// The last task succeeded; this is the ticket now.
    case answered(KerberosTicket)
    /// The last task failed, and may succeed later.
    case failed(String)
    /// The last task failed for a reason that is not the ticket, and may succeed later.
    case broken(String)
    /// No task can succeed on this host.
    case impossible(String)
  }

  public enum Action: Sendable, Equatable {
    case tell(TicketNews)
    /// Do this task at this time, in seconds since 1970. Its result is the next event.
    case next(TicketTask, at: Double)
  }

  /// Seconds between two tries: the first pause after a failure, and the longest one.
  static let shortestPause = 1.0
  static let longestPause = 60.0

  /// Whether it renews the user's own ticket.
  private let isShared: Bool
  /// When the job ends; nil if that is not known.
  private let runEnd: Double?
  /// Nil: no task has succeeded yet.
  private var ticket: KerberosTicket?
  private var isFailing = false
  private var pause = shortestPause
  /// The user knows that only a new ticket helps.
  private var hasToldLimit = false
  private var hasToldEnd = false

  public init(isShared: Bool, runEnd: Double?) {
    (self.isShared, self.runEnd) = (isShared, runEnd)
  }

  /// The first task, which is due at once.
  public var first: TicketTask { isShared ? .look : .copy }
  private var renewal: TicketTask { isShared ? .renewShared : .renew }
  private var search: TicketTask { isShared ? .look : .adopt }

  public mutating func step(_ event: Event, now: Double) -> [Action] {
    switch event {
    case .impossible(let reason): return [.tell(.impossible(reason))]
    case .failed(let reason):
      return failed(.fails(reason, ticket, isShared: isShared), now)
    case .broken(let reason):
      return failed(ticket == nil ? .cannotKeep(reason) : .fails(reason, ticket, isShared: isShared), now)
    case .answered(let ticket): return answered(ticket, now)
    }
  }

  // MARK: After a success

  private mutating func answered(_ new: KerberosTicket, _ now: Double) -> [Action] {
    let old = ticket
    ticket = new
    if let old, new.end <= old.end, new.lastEnd <= old.lastEnd, isFailing {
      // It was looked at, and nobody has renewed it.
      return waitForNewTicket(now)
    }
    pause = Self.shortestPause
    var actions: [Action] = []
    if old == nil {
      if new.end > now { actions.append(.tell(.kept(new, isShared: isShared, runEnd: runEnd))) }
    } else if isFailing || (hasToldLimit && new.end > (old?.end ?? 0)) {
      actions.append(.tell(.worksAgain(new)))
    }
    isFailing = false
    if new.end > now { hasToldEnd = false }
    guard new.isRenewable, new.end > now else {
      // The first message says it already if it never was renewable.
      if old == nil, new.end > now { hasToldLimit = true }
      return actions + waitForNewTicket(now)
    }
    hasToldLimit = false
    let half = (new.end - now) / 2
    return actions + [.next(renewal, at: now + max(half, Self.shortestPause))]
  }

  /// Only a new ticket of the user helps.
  private mutating func waitForNewTicket(_ now: Double) -> [Action] {
    guard let ticket else { return [] }
    var actions: [Action] = []
    var wait = pauseBefore(ticket.end, now, atMost: Self.longestPause)
    if ticket.end <= now {
      if !hasToldEnd {
        actions.append(.tell(.hasEnded(ticket)))
        // The user may have a new one already.
        wait = Self.shortestPause
      }
      (hasToldEnd, hasToldLimit) = (true, true)
    } else if !hasToldLimit {
      actions.append(.tell(.limitReached(ticket)))
      hasToldLimit = true
    }
    return actions + [.next(search, at: now + wait)]
  }

  /// Seconds to wait, so that several tries are left before the ticket ends.
  private func pauseBefore(_ end: Double, _ now: Double, atMost longest: Double) -> Double {
    guard end > now else { return longest }
    return min(longest, max((end - now) / 4, Self.shortestPause))
  }

  // MARK: After a failure

  private mutating func failed(_ news: TicketNews, _ now: Double) -> [Action] {
    var actions: [Action] = []
    if !isFailing { actions.append(.tell(news)) }
    isFailing = true
    let wait = pause
    pause = min(pause * 2, Self.longestPause)
    guard let ticket else { return actions + [.next(first, at: now + wait)] }
    if ticket.end <= now { return actions + waitForNewTicket(now) }
    return actions + [.next(renewal, at: now + pauseBefore(ticket.end, now, atMost: wait))]
  }
}
