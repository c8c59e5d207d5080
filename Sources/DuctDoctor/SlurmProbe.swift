internal import DuctRun
internal import DuctSettings
internal import LogDelivery
internal import RecordText
internal import ResilientIO
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage
import Glibc

/// Finds Slurm and asks it.
struct SlurmProbe: Sendable {
  let surroundings: Surroundings
  let settings: RunSettings
  let forecast: RunForecast

  /// What slurm.conf says: its path, whether wckeys are tracked, and why it cannot be read.
  private struct Configuration: Sendable {
    var path: String?
    var tracksWckeys: Result<Bool, SlurmFailure>?
    var hasCommands: Bool
  }

  /// Blocks until Slurm has answered, within the limits on each question.
  func facts() -> SlurmFacts {
    var facts = SlurmFacts()
    facts.isOff = settings.slurm == .off
    if facts.isOff { return facts }
    facts.isWanted = settings.slurm == .on
    let environment = surroundings.environment
    if hangs(environment["SLURM_CONF"]) {
      facts.hangs = true
      return facts
    }
    let reading = Aside("duct slurm.conf") { Self.configuration(environment) }
    guard let configuration = reading.value(within: settings.slurmTimeout) else {
      facts.hangs = true
      return facts
    }
    facts.configuration = configuration.path
    facts.hasCommands = configuration.hasCommands
    guard configuration.path != nil || configuration.hasCommands else { return facts }
    let accounting = Aside("duct accounting") { askAccounting() }
    askController(&facts)
    facts.accounting = accounting.value(within: settings.slurmTimeout + 2) ?? .none
    facts.tag = tag(configuration, facts.controller)
    if surroundings.jobEnd == nil {
      facts.jobEnd = OwnJobEnd(environment)?.seconds { request throws(SlurmFailure) in
        try inquiry(settings.slurmBy).ask(request)
      }
    }
    return facts
  }

  /// Whether the file is on a remote file system that does not answer. Another process tries to read it: a thread that
  /// hangs in FUSE would keep this one from ending.
  private func hangs(_ name: String?) -> Bool {
    guard let name, !name.isEmpty, case let path = FilePath(escaped: name),
      Filesystem.kind(of: path) == .remote,
      case .failure(.hangs) = AsideFile.readAside([path], limit: 1 << 20, patience: LogDirectory.patience)
        .first
    else { return false }
    return true
  }

  private static func configuration(_ environment: [String: String]) -> Configuration {
    let path = environment["PATH"]?.originalBytes
    let hasCommands = file(named: Array("scontrol".utf8), inSearchPath: path) != nil
    guard let place = SlurmConfigurationFile.locate(environment: environment) else {
      return Configuration(hasCommands: hasCommands)
    }
    var tracks: Result<Bool, SlurmFailure>
    do throws(Errno) {
      tracks = .success(try SlurmConfigurationFile(reading: place).tracksWckeys)
    } catch {
      tracks = .failure(SlurmFailure(.noConfiguration, "cannot read \(place): \(Problem(error))"))
    }
    return Configuration(path: String(escaping: place.bytes), tracksWckeys: tracks, hasCommands: hasCommands)
  }

  private func inquiry(_ by: SlurmBy) -> SlurmInquiry {
    SlurmInquiry(surroundings, by: by, limit: settings.slurmTimeout)
  }

  private func ask(_ request: SlurmRequest, by: SlurmBy) -> SlurmFacts.Answer<SlurmAnswer> {
    let start = MonotonicInstant.now
    do throws(SlurmFailure) {
      let answer = try inquiry(by).ask(request)
      return .value(answer, seconds: MonotonicInstant.now.seconds(since: start))
    } catch {
      return .failure(error, seconds: MonotonicInstant.now.seconds(since: start))
    }
  }

  private func askController(_ facts: inout SlurmFacts) {
    switch ask(.configuration, by: settings.slurmBy) {
    case .none: break
    case .failure(let failure, let seconds): facts.controller = .failure(failure, seconds: seconds)
    case .value(let answer, let seconds):
      facts.controller = .value(answer.configuration ?? ClusterConfiguration(), seconds: seconds)
      facts.way = answer.askedBy
      // The commands have answered in place of the helper: it knows why.
      if answer.askedBy == .commands, settings.slurmBy == .auto,
        case .failure(let failure, _) = ask(.ping, by: .library)
      {
        facts.helperFailure = failure
      }
    }
  }

  /// A second of 2001, before there was Slurm. sacct refuses times that are much earlier.
  private static let longAgo = 1_000_000_000

  /// Asks for the jobs of a time at which there were none: a cheap question that needs slurmdbd and its database.
  private func askAccounting() -> SlurmFacts.Answer<Int> {
    let request = SlurmRequest.accountingOfUser(
      uid: getuid(), since: Self.longAgo, until: Self.longAgo + 1, tags: [])
    switch ask(request, by: settings.slurmBy) {
    case .none: return .none
    case .value(let answer, let seconds): return .value(answer.jobs.count, seconds: seconds)
    case .failure(let failure, let seconds): return .failure(failure, seconds: seconds)
    }
  }

  private func tag(
    _ configuration: Configuration, _ controller: SlurmFacts.Answer<ClusterConfiguration>
  ) -> TagDecision? {
    if let tracks = configuration.tracksWckeys { return forecast.tag(tracks) }
    guard case .value(let settings, _) = controller, let tracks = settings.tracksWckeys else { return nil }
    return forecast.tag(.success(tracks))
  }
}
