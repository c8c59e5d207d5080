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
    let helper = TicketHelper(own: OwnTicketCache(runID: runID))
    var answer = TicketAnswer()
    do throws(Problem) {
      let library = try KerberosLibrary()
      do throws(Problem) { answer = TicketAnswer(try helper.perform(task, library)) } catch {
        answer.problem = error.description
      }
    } catch {
      (answer.problem, answer.isFinal) = (error.description, true)
    }
    helper.own.removeFolder()
    // duct may have ended meanwhile, and has removed the cache before this process made it again.
    if helper.isAlone { helper.own.remove() }
    do throws(Errno) { try FileDescriptor.standardOutput.writeAll(answer.jsonLine) } catch { return 1 }
    return 0
  }

  private var isAlone: Bool { getppid() != parent }

  private func perform(_ task: TicketTask, _ library: KerberosLibrary) throws(Problem) -> KerberosTicket {
    switch task {
    case .look: return try library.ticket(in: library.userCache())
    case .renewShared:
      let cache = try library.userCache()
      try library.renew(cache, into: cache)
      return try library.ticket(in: cache)
    case .copy: return try copy(library, isFirst: true)
    case .renew, .adopt:
      guard let ticket = try? library.ticket(in: library.cache(own.name)) else {
        // Somebody has removed it, as programs that clean /tmp do.
        return try copy(library, isFirst: true)
      }
      if hasBetter(library, than: ticket) { return try copy(library, isFirst: false) }
      if task == .adopt { return ticket }
      let cache = try library.cache(own.name)
      return try publish(library, isFirst: false) { prepared throws(Problem) in
        try library.renew(cache, into: prepared)
      }
    }
  }

  /// Whether the user has a ticket of the same principal that lasts longer than this one can.
  private func hasBetter(_ library: KerberosLibrary, than ticket: KerberosTicket) -> Bool {
    do throws(Problem) {
      let user = try library.userCache()
      guard try library.haveSameOwner(user, library.cache(own.name)) else { return false }
      return try library.ticket(in: user).lastEnd > ticket.lastEnd + 1
    } catch {
      // The user has none any more: that is what the run's own is for.
      return false
    }
  }

  private func copy(_ library: KerberosLibrary, isFirst: Bool) throws(Problem) -> KerberosTicket {
    let user = try library.userCache()
    // The message about a cache without a ticket is better than that about its copy.
    _ = try library.ticket(in: user)
    return try publish(library, isFirst: isFirst) { prepared throws(Problem) in
      try library.copy(user, to: prepared)
    }
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
