/// What duct tells the user of a ticket that it keeps.
public enum TicketNews: Sendable, Equatable {
  /// It is renewed from now on, or, if it cannot be, only copied.
  case kept(KerberosTicket, isShared: Bool, runEnd: Double?)
  /// The ticket is nil if there never was one.
  case fails(String, KerberosTicket?, isShared: Bool)
  /// There is a ticket, or it is not known whether there is one.
  case cannotKeep(String)
  case worksAgain(KerberosTicket)
  case limitReached(KerberosTicket)
  case hasEnded(KerberosTicket)
  case impossible(String)

  public var isWarning: Bool {
    switch self {
    case .kept(let ticket, _, let runEnd): !ticket.isRenewable || ticket.lastEnd < runEnd ?? 0
    case .worksAgain: false
    case .fails, .cannotKeep, .limitReached, .hasEnded, .impossible: true
    }
  }

  public var text: String {
    func time(_ seconds: Double) -> String { KerberosTicket.text(seconds) }
    switch self {
    case .kept(let ticket, let isShared, let runEnd):
      return Self.start(ticket, isShared: isShared, runEnd: runEnd)
    case .fails(let reason, nil, _):
      return "There is no ticket to keep alive: \(reason). Get one: kinit. duct goes on trying"
    case .fails(let reason, let ticket?, let isShared):
      let cache = isShared ? "" : " in \(ticket.cache)"
      return
        "The Kerberos ticket\(cache) cannot be renewed: \(reason). It ends at \(time(ticket.end)); duct goes on trying"
    case .cannotKeep(let reason):
      return
        "The Kerberos ticket cannot be copied for this run, and so not kept alive: \(reason). duct goes on trying; --renew-ticket=shared needs no copy"
    case .worksAgain(let ticket):
      return "The Kerberos ticket is good again: it ends at \(time(ticket.end))"
        + (ticket.isRenewable ? " and is renewed in time, until \(time(ticket.lastEnd))" : "")
    case .limitReached(let ticket):
      return
        "The Kerberos ticket cannot be renewed any more: it ends at \(time(ticket.end)). Get a new one before: kinit. duct takes it then"
    case .hasEnded(let ticket):
      return
        "The Kerberos ticket has ended, at \(time(ticket.end)). Get a new one: kinit. duct takes it then"
    case .impossible(let reason):
      return "--renew-ticket: \(reason); use krenew or k5start"
    }
  }

  private static func start(_ ticket: KerberosTicket, isShared: Bool, runEnd: Double?) -> String {
    func time(_ seconds: Double) -> String { KerberosTicket.text(seconds) }
    let end = time(ticket.end)
    let place = isShared ? ticket.cache : "\(ticket.cache), a copy for this run"
    guard ticket.isRenewable else {
      return
        "The Kerberos ticket (\(place)) ends at \(end) and cannot be renewed. Get one that can be, in time: kinit -r 7d. duct takes it then"
    }
    let kept =
      "The Kerberos ticket (\(place)) ends at \(end) and is renewed in time, until \(time(ticket.lastEnd))"
    guard let runEnd, ticket.lastEnd < runEnd else { return kept }
    return
      "\(kept); the job may run until \(time(runEnd)). Get a new one before: kinit. Or let k5start -f KEYTAB make new ones"
  }
}
