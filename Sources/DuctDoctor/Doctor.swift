public import DuctRecords
internal import DuctRun
public import DuctSettings
import Glibc
internal import HostPrograms
internal import KerberosTickets
internal import LogDelivery
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Finds out whether a run with these settings would work here, without starting one.
///
/// The parts that touch something that may hang are on threads of their own, all at the same time. Each has a limit.
public struct Doctor: Sendable {
  /// Seconds that klist, quota and loginctl may take.
  private static let programPatience = 5.0
  /// Seconds for what reads local files alone.
  private static let localPatience = 10.0

  private let settings: RunSettings
  private let surroundings: Surroundings
  private let forecast: RunForecast
  /// Seconds from now to the end of the run; nil: as the job says, if this is one.
  private let length: Double?

  /// - Parameter hours: how long the run will take; nil if that is not known.
  /// - Throws: `UsageError` if the output prefix gives no usable path.
  public init(_ settings: RunSettings, _ surroundings: Surroundings, hours: Double?) throws(UsageError) {
    self.settings = settings
    self.surroundings = surroundings
    forecast = try RunForecast(settings, surroundings)
    length = hours.map { $0 * 3600 }
  }

  /// Looks at everything. Takes as long as the slowest part, and at most some times its limit.
  public func examine() -> Diagnosis {
    let doctor = self
    let limits = KernelFacts.withLimits()
    let probe = Aside("duct directory") { doctor.logDirectory() }
    let mount = Filesystem.mount(of: forecast.paths.directory)
    let quota = Aside("duct quota") { doctor.quota(mount) }
    let ticket = Aside("duct klist") { doctor.ticket(mount) }
    let slurm = Aside("duct slurm") {
      SlurmProbe(surroundings: doctor.surroundings, settings: doctor.settings, forecast: doctor.forecast)
        .facts()
    }
    let spool = Aside("duct spool") { doctor.spool() }
    let logout = Aside("duct logout") { doctor.logout() }
    let kernel = Aside("duct kernel") { limits.completed() }

    var findings = surroundings.warnings.map {
      Finding(.settings, "files", .warning, $0, advice: "Correct the file, or remove it")
    }
    // Each of its steps has a limit.
    var directory = probe.value(within: .infinity) ?? LogDirectoryFacts(directory: forecast.paths.prefix)
    directory.quota = quota.value(within: Self.programPatience + 2) ?? nil
    findings += directory.findings
    // Asking can take its limit for the controller, the same again for the helper, for the accounting, and for the job.
    let slurmFacts = slurm.value(within: 4 * settings.slurmTimeout + 5)
    if let answer = ticket.value(within: Self.programPatience + 2) ?? .hangs(Self.programPatience) {
      findings += findingsOfTicket(
        answer, mount, isWritable: directory.isWritable, runEnd: runEnd ?? slurmFacts?.jobEnd)
    }
    findings += Self.findings(.spool, spool.value(within: Self.localPatience)?.findings)
    findings += Self.findings(
      .logout, (logout.value(within: 2 * Self.programPatience + 2)?.finding).map { [$0] })
    findings += Self.findings(.slurm, slurmFacts?.findings)
    findings += Self.findings(.kernel, kernel.value(within: Self.localPatience)?.findings)
    return Diagnosis(host: fullHostName(), prefix: forecast.paths.prefix, findings: findings)
  }

  /// The findings of a part, or that it has not ended.
  private static func findings(_ area: Finding.Area, _ found: [Finding]?) -> [Finding] {
    found ?? [
      Finding(
        area, "answer", .warning, "the check has not ended in time",
        advice: "Ask the administrators what hangs on this host")
    ]
  }

  private func findingsOfTicket(
    _ answer: ProgramAnswer, _ mount: MountedFilesystem?, isWritable: Bool, runEnd: Double?
  ) -> [Finding] {
    // Otherwise the user wants to keep a ticket for other things, such as AFS.
    let security = mount?.usesKerberos == true ? mount?.value(of: "sec") ?? "krb5" : "--renew-ticket"
    let facts = TicketFacts(
      answer, security: security, isWritable: isWritable, now: WallTime.now.seconds, runEnd: runEnd,
      canRenew: KerberosLibrary.isInstalled)
    return facts.findings
  }

  /// When the run ends, in seconds since 1970: by `--hours`, or with the job. Nil if that is not known here.
  private var runEnd: Double? {
    if let length { return WallTime.now.seconds + length }
    return surroundings.jobEnd
  }

  // MARK: Parts

  private func logDirectory() -> LogDirectoryFacts {
    let probe = LogDirectoryProbe(
      paths: forecast.paths, refusesExisting: forecast.isNameChosen && !settings.clobber,
      program: HelperPrograms(environment: surroundings.environment).duct)
    return probe.facts()
  }

  private func quota(_ mount: MountedFilesystem?) -> QuotaReport? {
    guard let mount else { return nil }
    let answer = ProgramAnswer.of(
      "quota", ["-v", "-w", "-p"], surroundings, within: Self.programPatience)
    let text: String
    switch answer {
    // It ends with an error if a quota is exceeded.
    case .printed(let output), .failed(_, let output): text = output
    case .isMissing, .hangs: return nil
    }
    return QuotaReport(text, of: mount.source)
  }

  /// Nil: no ticket is needed.
  private func ticket(_ mount: MountedFilesystem?) -> ProgramAnswer? {
    guard mount?.usesKerberos == true || settings.renewTicket != .off else { return nil }
    return ProgramAnswer.of("klist", [], surroundings, within: Self.programPatience)
  }

  private func spool() -> SpoolFacts {
    let environment = surroundings.environment
    let chosen = settings.spoolDirectory
    let found = RunSpool.find(chosen: chosen, environment)
    let recovery = Recovery(spool: chosen, environment: environment) { _ in nil }
    let waiting = recovery.runs.filter { $0.state != .running }
    var facts = SpoolFacts()
    facts.base = found.spool.map { String(escaping: $0.base.bytes) }
    facts.refused = found.reasons.map { "\($0.path): \($0.reason)" }
    facts.isChosen = chosen != nil
    facts.mount = found.spool.flatMap { Filesystem.mount(of: $0.base) }
    facts.room = found.spool.flatMap { Room(of: $0.base) }
    facts.waiting = waiting.count
    facts.waitingBytes = waiting.reduce(0) { $0 + $1.bytes }
    facts.untrusted = recovery.refusals
    facts.jobID = environment["SLURM_JOB_ID"]
    facts.runtimeDirectory = environment["XDG_RUNTIME_DIR"]
    return facts
  }

  private func logout() -> LogoutFacts {
    var facts = LogoutFacts()
    facts.isInJob = surroundings.environment["SLURM_JOB_ID"] != nil
    facts.membership = String(escaping: (try? readAll("/proc/self/cgroup")) ?? [])
    facts.userName = userName(surroundings.environment) ?? ""
    func properties(_ arguments: [String]) -> [String: String]? {
      LogoutFacts.properties(
        ProgramAnswer.of("loginctl", arguments, surroundings, within: Self.programPatience))
    }
    guard !facts.isInJob, facts.isOfLogin else { return facts }
    facts.manager = properties(["show-session"])
    facts.user = properties(["show-user", "\(getuid())", "--property=Linger"])
    return facts
  }
}
