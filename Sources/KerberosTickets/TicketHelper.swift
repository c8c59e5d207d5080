import Glibc
public import RecordText
internal import SystemCalls
internal import SystemPackage

/// What a run asks of its ticket.
public enum TicketTask: String, Sendable, Equatable {
  /// Copy the user's cache into that of the run.
  case copy
  /// Have the ticket of the run renewed. If the user has a better one meanwhile, copy that.
  case renew
  /// Copy the user's cache if its ticket is better than that of the run.
  case adopt
  /// See what ticket the user has.
  case look
  /// Have the user's own ticket renewed.
  case renewShared = "renew-shared"
}

/// The answer to a `TicketTask`: a line of JSON.
public struct TicketAnswer: Record, Equatable {
  /// The cache that was asked about, with its kind.
  public var cache: String?
  /// Seconds since 1970.
  public var end: Double?
  public var renewUntil: Double?
  /// Why the task failed.
  public var problem: String?
  /// The user has a ticket, and copying it failed.
  public var isCopyProblem = false
  /// Trying again is of no use: there is no libkrb5.
  public var isFinal = false

  public init() {}

  public init(_ ticket: KerberosTicket) {
    (cache, end, renewUntil) = (ticket.cache, ticket.end, ticket.renewUntil)
  }

  public mutating func list(_ members: inout RecordMembers) {
    members("cache", &cache)
    members("end", &end)
    members("renew_until", &renewUntil)
    members("problem", &problem)
    members("is_copy_problem", &isCopyProblem)
    members("is_final", &isFinal)
  }

  /// Nil if the task failed.
  public var ticket: KerberosTicket? {
    guard problem == nil, let cache, let end else { return nil }
    return KerberosTicket(cache: cache, end: end, renewUntil: renewUntil)
  }
}

/// The process that does a `TicketTask`. It uses libkrb5, which duct itself does not load: a call to a KDC, or to the
/// daemon that keeps a cache, can take long or hang, and duct ends this process then.
public struct TicketHelper {
  /// The word for `con-duct` that makes it this process; the task and the id of the run follow.
  public static let word = "keep-ticket"

  private let own: OwnTicketCache
  private let parent = getppid()

  /// Does a task, and writes the answer to standard output.
  public static func run(task: String, runID: String) -> CInt {
    guard let task = TicketTask(rawValue: task) else { return 2 }
    // libkrb5 writes its trace to standard output if KRB5_TRACE says so: the answer has a descriptor of its own.
    guard let output = try? FileDescriptor.standardOutput.duplicate(),
      (try? FileDescriptor.standardError.duplicate(as: .standardOutput)) != nil
    else { return 1 }
    let helper = TicketHelper(own: OwnTicketCache(runID: runID))
    var answer = TicketAnswer()
    do throws(Problem) {
      let library = try KerberosLibrary()
      do throws(Failure) { answer = TicketAnswer(try helper.perform(task, library)) } catch {
        switch error {
        case .ofTicket(let problem): answer.problem = problem.description
        case .ofCopy(let problem): (answer.problem, answer.isCopyProblem) = (problem.description, true)
        }
      }
    } catch {
      (answer.problem, answer.isFinal) = (error.description, true)
    }
    // duct may have ended meanwhile, and has removed the cache before this process made it again.
    if helper.isAlone { helper.own.remove() }
    do throws(Errno) { try output.writeAll(answer.jsonLine) } catch { return 1 }
    return 0
  }

  private var isAlone: Bool { getppid() != parent }

  private enum Failure: Error {
    /// There is none, or it cannot be renewed.
    case ofTicket(Problem)
    case ofCopy(Problem)
  }

  private func perform(_ task: TicketTask, _ library: KerberosLibrary) throws(Failure) -> KerberosTicket {
    switch task {
    case .look: return try ofTicket { () throws(Problem) in try library.ticket(in: library.userCache()) }
    case .renewShared: return try ofTicket { () throws(Problem) in try renewShared(library) }
    case .copy: return try copy(library, isFirst: true)
    case .renew, .adopt:
      guard let ticket = try? library.ticket(in: library.cache(own.name)) else {
        // Somebody has removed it, as programs that clean /tmp do.
        return try copy(library, isFirst: true)
      }
      if let user = userTicket(library), isBetter(user, than: ticket, for: task) {
        return try copy(library, isFirst: false)
      }
      if task == .adopt, !mayStillBeRenewed(ticket) { return ticket }
      do throws(Problem) { return try renewOwn(library) } catch {
        if task == .adopt { return ticket }
        throw .ofTicket(error)
      }
    }
  }

  private func ofTicket<Value>(_ body: () throws(Problem) -> Value) throws(Failure) -> Value {
    do throws(Problem) { return try body() } catch { throw .ofTicket(error) }
  }

  // MARK: Which ticket

  /// The user's ticket, if it is of the same principal as that of the run.
  private func userTicket(_ library: KerberosLibrary) -> KerberosTicket? {
    do throws(Problem) {
      let user = try library.userCache()
      guard try library.haveSameOwner(user, library.cache(own.name)) else { return nil }
      return try library.ticket(in: user)
    } catch {
      // The user has none any more: that is what the run's own is for.
      return nil
    }
  }

  /// Whether the run's ticket shall be replaced by the user's. One that can be renewed is kept as long as it lives, even
  /// if the user's one ends later and cannot be renewed.
  private func isBetter(_ user: KerberosTicket, than own: KerberosTicket, for task: TicketTask) -> Bool {
    user.lastEnd > own.lastEnd + 1 || task == .adopt && user.end > own.end + 1
  }

  /// Seconds. KDCs renew a ticket that has ended, if the clocks might differ: by default so much.
  private static let clockSkew = 300.0

  /// Whether a KDC that was away when the ticket ended may still renew it.
  private func mayStillBeRenewed(_ ticket: KerberosTicket) -> Bool {
    let now = WallTime.now.seconds
    return ticket.isRenewable && ticket.lastEnd > now && now < ticket.end + Self.clockSkew
  }

  // MARK: Changes

  private func renewOwn(_ library: KerberosLibrary) throws(Problem) -> KerberosTicket {
    let cache = try library.cache(own.name)
    return try publish(library, isFirst: false) { prepared throws(Problem) in
      try library.renew(cache, into: prepared)
    }
  }

  /// Seconds, and a share of the ticket's life: several runs of a user do not renew at the same moment.
  private static let (mostDelay, delayShare) = (5.0, 0.05)
  /// A ticket that is younger than this share of its life was just renewed by another run: each does so after half.
  private static let youngShare = 0.25

  private func renewShared(_ library: KerberosLibrary) throws(Problem) -> KerberosTicket {
    let cache = try library.userCache()
    let life = try library.life(in: cache)
    usleep(UInt32(Double.random(in: 0...min(Self.mostDelay, life.seconds * Self.delayShare)) * 1e6))
    let now = try library.life(in: cache)
    if WallTime.now.seconds - now.start < now.seconds * Self.youngShare { return now.ticket }
    try library.renew(cache, into: cache)
    return try library.ticket(in: cache)
  }

  private func copy(_ library: KerberosLibrary, isFirst: Bool) throws(Failure) -> KerberosTicket {
    let user = try ofTicket { () throws(Problem) in
      let user = try library.userCache()
      // The message about a cache without a ticket is better than that about its copy.
      _ = try library.ticket(in: user)
      return user
    }
    do throws(Problem) {
      return try publish(library, isFirst: isFirst) { prepared throws(Problem) in
        try library.copy(user, to: prepared)
      }
    } catch { throw .ofCopy(error) }
  }

  private func publish(
    _ library: KerberosLibrary, isFirst: Bool, _ fill: (KerberosLibrary.Cache) throws(Problem) -> Void
  ) throws(Problem) -> KerberosTicket {
    try fill(library.cache(own.prepare()))
    if isAlone { throw Problem("duct has ended") }
    try own.publish(isFirst: isFirst)
    return try library.ticket(in: library.cache(own.name))
  }
}
