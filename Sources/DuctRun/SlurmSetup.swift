internal import DuctSettings
import Glibc
internal import Logging
internal import RecordText
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What duct must know of Slurm before the command starts: whether Slurm exists here, and whether duct can tag its
/// jobs. duct reads files for that, within a time limit: a configuration on a file system that hangs must not delay
/// the command.
struct SlurmSetup: Sendable {
  /// Seconds for all that duct asks about Slurm before the command starts.
  static let limit = 0.2

  var access: SlurmAccess
  var tag: TagDecision
  var clusterName: String?

  /// The search for a Slurm on this host. It reads files on a thread of its own while duct prepares the run.
  struct Search: Sendable {
    fileprivate let found = Monitor<Host?>(nil)
    fileprivate let deadline = MonotonicInstant.now + SlurmSetup.limit
    /// Why there is no search; nil if there is one.
    fileprivate let failure: String?

    /// Begins the search.
    fileprivate init(_ environment: [String: String]) {
      do throws(Errno) {
        _ = try OwnThread("duct slurm.conf") { [found] in
          let host = Host(environment)
          found.update { $0 = host }
        }
        failure = nil
      } catch {
        failure = "no thread to read slurm.conf: \(error.description)"
      }
    }

    /// Nil if reading the files takes too long.
    fileprivate var result: Host? { found.wait(until: deadline) { $0 } }

    /// The path of slurm.conf. Nil if there is none, or if reading the files takes too long.
    var configuration: FilePath? { result?.file?.path }
  }

  /// Begins to search for a Slurm. Nil if duct shall not use one: `--slurm off`.
  static func search(_ settings: RunSettings, _ surroundings: Surroundings) -> Search? {
    settings.slurm == .off ? nil : Search(surroundings.environment)
  }

  /// Waits for the search. Nil if `--slurm` is `off`, or `auto` without any sign of Slurm.
  static func find(
    _ search: Search?, _ settings: RunSettings, _ surroundings: Surroundings, runID: String,
    access: SlurmAccess, children: ChildProcesses, log: Logger
  ) -> SlurmSetup? {
    guard let search else { return nil }
    let environment = surroundings.environment
    guard search.failure == nil, let host = search.result else {
      // Reading the file hangs. duct may still ask slurmctld later, through a helper that it can kill.
      return SlurmSetup(
        access: access.with(configuration: nil),
        tag: .off(reason: search.failure ?? "slurm.conf could not be read within \(limit) s"))
    }
    guard let file = host.file else {
      return withoutFile(host, settings, environment, runID, access, children, log)
    }
    if let problem = file.problem, settings.slurm == .on {
      log.warning("--slurm on: \(problem), so jobs are not recorded unless that changes")
    }
    return SlurmSetup(
      access: access.with(configuration: file.path),
      tag: tag(settings, environment, runID) {
        file.contents.map { .success($0.tracksWckeys) }
          ?? .failure(.init(.noConfiguration, file.problem ?? "there is none"))
      },
      clusterName: file.contents?.clusterName)
  }

  /// Handles a missing slurm.conf. Slurm's commands may find a configuration through the name service
  /// ("configless"), or in a folder that was compiled into them.
  ///
  /// libslurm looks up an SRV record in the host's search domains. Without a domain it finds nothing, so asking
  /// would only cost time. The exception is a Slurm installed with its own prefix: only its commands know where
  /// they look.
  private static func withoutFile(
    _ host: Host, _ settings: RunSettings, _ environment: [String: String], _ runID: String,
    _ access: SlurmAccess, _ children: ChildProcesses, _ log: Logger
  ) -> SlurmSetup? {
    guard host.mayBeConfigless else {
      if settings.slurm == .on {
        log.warning(
          "--slurm on: there is no slurm.conf here (SLURM_CONF, /etc/slurm), so jobs are not recorded")
      }
      return nil
    }
    let access = access.with(configuration: nil)
    return SlurmSetup(
      access: access,
      tag: tag(settings, environment, runID) {
        let answer = Monitor<Result<Bool, SlurmFailure>?>(nil)
        do throws(Errno) {
          _ = try OwnThread("duct slurm") {
            let result = access.tracksWckeys()
            answer.update { $0 = result }
          }
        } catch {
          return .failure(SlurmFailure(.noHelper, "no thread to ask: \(error.description)"))
        }
        // The main loop, which reaps children, starts only with the command. So reap the helper here.
        let deadline = MonotonicInstant.now + limit
        while deadline > .now {
          _ = children.reapEnded()
          if let result = answer.wait(until: .now + 0.002, for: { $0 }) { return result }
        }
        return .failure(SlurmFailure(.timeout, "no answer within \(limit) s"))
      })
  }

  static func tag(
    _ settings: RunSettings, _ environment: [String: String], _ runID: String,
    tracksWckeys: () -> Result<Bool, SlurmFailure>
  ) -> TagDecision {
    if settings.slurmTag == .off { return .off(reason: "--slurm-tag off") }
    if !settings.slurmDetect.contains(.tag) { return .off(reason: "--slurm-detect leaves tags out") }
    if let own = JobTag.ownWckey(environment: environment) {
      return .off(reason: "\(own.variable) is set to \(own.value)")
    }
    switch tracksWckeys() {
    case .success(false): return .set(tag: JobTag.tag(ofRun: runID))
    case .success(true): return .off(reason: "the site tracks wckeys")
    case .failure(let failure):
      return .off(reason: "it is not known whether the site tracks wckeys: \(failure)")
    }
  }
}

/// What the files of this host say about Slurm.
private struct Host: Sendable {
  /// Nil if there is no slurm.conf.
  let file: SlurmFile?
  /// Without a slurm.conf: whether Slurm's commands may still find a configuration.
  let mayBeConfigless: Bool

  init(_ environment: [String: String]) {
    file = SlurmFile.read(environment)
    let path = environment["PATH"]
    mayBeConfigless =
      file == nil && isInPath("sbatch", path: path)
      && (NameService.hasSearchDomain || SlurmConfigurationFile.hasOwnPrefix(path: path))
  }
}

/// The contents of slurm.conf, or why it could not be read.
private struct SlurmFile: Sendable {
  var path: FilePath
  var contents: SlurmConfigurationFile?
  var problem: String?

  static func read(_ environment: [String: String]) -> SlurmFile? {
    guard let path = SlurmConfigurationFile.locate(environment: environment) else { return nil }
    do throws(Errno) {
      return SlurmFile(path: path, contents: try SlurmConfigurationFile(reading: path))
    } catch {
      return SlurmFile(path: path, problem: "cannot read \(path): \(error.description) (\(error.name))")
    }
  }
}

/// Settings of the resolver, from resolv.conf(5).
private enum NameService {
  static var hasSearchDomain: Bool {
    guard let bytes = try? readAll("/etc/resolv.conf") else { return false }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { line in
      let words = line.split { $0 == " " || $0 == "\t" }
      guard words.count > 1 else { return false }
      return words[0] == "search" && words[1] != "." || words[0] == "domain"
    }
  }
}

extension SlurmAccess {
  fileprivate func tracksWckeys() -> Result<Bool, SlurmFailure> {
    do throws(SlurmFailure) {
      let answer = try ask(.configuration, until: .now + SlurmSetup.limit)
      guard let tracks = answer.configuration?.tracksWckeys else {
        return .failure(SlurmFailure(.rubbish, "the controller did not say"))
      }
      return .success(tracks)
    } catch {
      return .failure(error)
    }
  }
}
