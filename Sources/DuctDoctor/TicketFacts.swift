internal import HostPrograms
internal import KerberosTickets
internal import RecordText
internal import SystemCalls

/// What is known of the ticket of this user for a log directory that needs one.
struct TicketFacts: Sendable {
  enum Found: Sendable, Equatable {
    case ticket(KerberosTicket)
    case noTicket(String)
    case noProgram
    case unknown(String)
  }

  var found: Found
  /// What needs the ticket: the value of `sec=`, such as `krb5p`, or `--renew-ticket`.
  var security: String
  /// Whether the check could write into the log directory.
  var isWritable: Bool
  /// Seconds since 1970.
  var now: Double
  /// When the run has to end; nil if that is not known.
  var runEnd: Double?
  /// Whether `--renew-ticket` finds the library that it needs.
  var canRenew = true

  init(
    _ found: Found, security: String = "krb5", isWritable: Bool = true, now: Double, runEnd: Double? = nil
  ) {
    (self.found, self.security, self.isWritable, self.now) = (found, security, isWritable, now)
    self.runEnd = runEnd
  }

  init(
    _ answer: ProgramAnswer, security: String, isWritable: Bool, now: Double, runEnd: Double?, canRenew: Bool
  ) {
    let found: Found =
      switch answer {
      case .printed(let text):
        KerberosTicket(klist: text).map { .ticket($0) } ?? .noTicket("klist shows none")
      case .failed(let text, _): .noTicket(text)
      case .isMissing: .noProgram
      case .hangs(let seconds): .unknown("klist has not ended within \(fixed(seconds, decimals: 0)) s")
      }
    self.init(found, security: security, isWritable: isWritable, now: now, runEnd: runEnd)
    self.canRenew = canRenew
  }

  var findings: [Finding] {
    switch found {
    case .ticket(let ticket): [life(ticket), cache(ticket), renewal(ticket)].compactMap { $0 }
    case .noTicket(let reason): [missing("there is no ticket for \(security): \(reason)")]
    case .noProgram:
      [
        finding(
          "life", .warning, "a ticket is needed (\(security)), and there is no klist to see it",
          "Run klist where it is installed, and compare the end of the ticket with that of the run")
      ]
    case .unknown(let reason):
      [finding("life", .warning, reason, "Run klist to see whether the ticket lasts as long as the run")]
    }
  }

  private func finding(_ check: String, _ level: Finding.Level, _ text: String, _ advice: String) -> Finding {
    Finding(.ticket, check, level, text, advice: advice)
  }

  private func missing(_ text: String) -> Finding {
    finding("life", isWritable ? .warning : .failure, text, "Get a ticket: kinit")
  }

  private func life(_ ticket: KerberosTicket) -> Finding {
    let end = "the ticket ends at \(KerberosTicket.text(ticket.end))"
    if ticket.end <= now { return missing("the ticket has ended, at \(KerberosTicket.text(ticket.end))") }
    guard let runEnd else {
      return finding(
        "life", .note, "\(end), in \(shortDuration(Int(ticket.end - now)))",
        "Give --hours with the length of the run, to know whether that is enough")
    }
    if ticket.end >= runEnd {
      return Finding(.ticket, "life", ok: "\(end), and the run ends by \(KerberosTicket.text(runEnd))")
    }
    let late =
      "\(end), and the run by \(KerberosTicket.text(runEnd)): until there is a new one, output waits in the spool"
    guard let renewal = ticket.renewUntil, renewal > ticket.end else {
      return finding(
        "life", .warning, "\(late); it cannot be renewed",
        "Get a renewable one (kinit -r 7d) and give --renew-ticket, or have new ones made: k5start -f KEYTAB")
    }
    if renewal >= runEnd {
      return finding(
        "life", .warning, late,
        "Have it renewed: duct --renew-ticket, krenew -K 60 -- duct …, or kinit -R before it ends")
    }
    return finding(
      "life", .warning, "\(late); it can be renewed only until \(KerberosTicket.text(renewal))",
      "Renew it until then (duct --renew-ticket, krenew -K 60, kinit -R), and kinit anew; k5start -f KEYTAB makes new ones by itself"
    )
  }

  private func renewal(_ ticket: KerberosTicket) -> Finding? {
    guard ticket.isRenewable, !canRenew else { return nil }
    return finding(
      "renewal", .note,
      "--renew-ticket cannot renew the ticket here: there is no \(KerberosLibrary.fileName)",
      "Use krenew -K 60 -- duct …, or have the library of MIT Kerberos installed")
  }

  private func cache(_ ticket: KerberosTicket) -> Finding? {
    switch ticket.cacheKind {
    case "FILE", "DIR": return Finding(.ticket, "cache", ok: "the cache is \(ticket.cache)")
    case "KEYRING" where ticket.cache.hasPrefix("KEYRING:persistent:"), "KCM":
      return finding(
        "cache", .note, "the cache is \(ticket.cache), on this host alone",
        "duct cannot see a renewal there, and tries again each minute; jobs on other hosts need a ticket of their own"
      )
    case "KEYRING":
      return finding(
        "cache", .warning, "the cache is \(ticket.cache), which may go with the session at logout",
        "Set KRB5CCNAME=FILE:… and kinit again before a run that shall outlive the session")
    default:
      return finding(
        "cache", .note, "the cache is \(ticket.cache)",
        "duct cannot see a renewal there, and tries again each minute")
    }
  }
}
