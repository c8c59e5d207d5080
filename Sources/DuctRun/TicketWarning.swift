internal import DuctSettings
import Glibc
internal import HostPrograms
internal import KerberosTickets
internal import Logging
internal import RecordText
internal import ResilientIO
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// Warns at the start of a run that the Kerberos ticket, which the log directory needs, ends before the run may.
///
/// It has a thread of its own: neither the start of the command nor the end of duct waits for it.
enum TicketWarning {
  /// Seconds. A command that ends before needs no warning.
  private static let patience = 5.0
  /// Seconds that klist may take, and Slurm.
  private static let limit = 5.0

  /// - Parameters:
  ///   - directory: of the records.
  ///   - slurm: nil if Slurm is not asked.
  static func start(
    _ directory: FilePath, _ surroundings: Surroundings, _ slurm: SlurmAccess?, _ services: RunServices
  ) {
    // The mount table tells without a call to the file system, which may hang.
    guard Filesystem.mount(of: directory)?.usesKerberos == true else { return }
    let name = String(escaping: directory.bytes)
    let start = MonotonicInstant.now
    do throws(Errno) {
      _ = try OwnThread("duct klist") {
        let answer = ProgramAnswer.of(
          "klist", [], surroundings, by: ProgramRunner(children: services.children),
          mask: services.originalMask, within: limit)
        guard case .printed(let output) = answer, let ticket = KerberosTicket(klist: output) else {
          // If there is no ticket, the first write into the directory fails, and duct tells that.
          services.log.debug("The end of the Kerberos ticket for \(name) is not known: klist: \(answer)")
          return
        }
        let rest = patience - MonotonicInstant.now.seconds(since: start)
        if rest > 0 { usleep(UInt32(rest * 1e6)) }
        let jobEnd =
          surroundings.jobEnd
          ?? slurm.flatMap { slurm in
            OwnJobEnd(surroundings.environment)?.seconds { request throws(SlurmFailure) in
              try slurm.ask(request, until: .now + limit)
            }
          }
        if let line = text(of: ticket, name, now: WallTime.now.seconds, runEnd: jobEnd) {
          services.log.warning("\(line)")
        } else {
          services.log.debug("The Kerberos ticket for \(name) lasts as long as the run, or has ended")
        }
      }
    } catch {
      services.log.debug("The Kerberos ticket is not looked at: \(error.description)")
    }
  }

  /// The line. Nil if the ticket lasts as long as the run can.
  ///
  /// - Parameters:
  ///   - now: in seconds since 1970.
  ///   - runEnd: the end of the job that duct runs in. Nil if there is none.
  static func text(of ticket: KerberosTicket, _ directory: String, now: Double, runEnd: Double?) -> String? {
    // Without a ticket, the first write into the directory fails, and duct tells that.
    guard ticket.end > now else { return nil }
    if let runEnd, ticket.end >= runEnd { return nil }
    let left = shortDuration(Int(ticket.end - now))
    let advice: String
    switch ticket.renewUntil {
    case let until? where until > ticket.end && until >= runEnd ?? 0:
      advice =
        "It can be renewed until \(KerberosTicket.text(until)): duct --renew-ticket does that, or krenew -K 60 -- duct …"
    case let until? where until > ticket.end:
      advice =
        "It can be renewed only until \(KerberosTicket.text(until)) (duct --renew-ticket); k5start -f KEYTAB makes new ones by itself"
    default:
      advice =
        "It cannot be renewed: kinit again before it ends (with -r 7d, duct --renew-ticket can renew it), or k5start -f KEYTAB"
    }
    let limit = runEnd == nil ? "" : ", before the time limit of the job"
    return
      "The Kerberos ticket for \(directory) ends at \(KerberosTicket.text(ticket.end)), in \(left)\(limit). From then on, output and records wait on this host until there is a new one. \(advice)"
  }
}
