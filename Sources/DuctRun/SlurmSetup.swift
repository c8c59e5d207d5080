internal import DuctSettings
import Glibc
internal import Logging
internal import RecordText
internal import SlurmClient
internal import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// What must be known of Slurm before the command starts: whether it is there, and whether its jobs can
/// be tagged. Found out from files, within a limit: a configuration on a file system that hangs must
/// not keep the command from starting.
struct SlurmSetup: Sendable {
  /// For everything that happens before the command starts, in seconds.
  static let limit = 0.2

  var access: SlurmAccess
  var tag: TagDecision
  var clusterName: String?

  /// Nil where Slurm is not to be asked: `--slurm off`, or `auto` without a trace of Slurm.
  static func find(
    _ settings: RunSettings, _ surroundings: Surroundings, runID: String, access: SlurmAccess,
    children: ChildProcesses, log: Logger
  ) -> SlurmSetup? {
    if settings.slurm == .off { return nil }
    let environment = surroundings.environment
    let found = Monitor<(done: Bool, file: SlurmFile?)>((false, nil))
    do throws(Errno) {
      _ = try OwnThread("duct slurm.conf") {
        let file = SlurmFile.read(environment)
        found.update { $0 = (true, file) }
      }
    } catch {
      log.debug("Cannot start a thread to read slurm.conf: \(error.description)")
    }
    let result = found.wait(until: .now + limit) { $0.done ? Optional($0.file) : nil }
    guard let read = result else {
      // It hangs. The controller may still be asked later, by a helper that can be ended.
      return SlurmSetup(
        access: access.with(configuration: nil),
        tag: .off(reason: "slurm.conf could not be read within \(limit) s"))
    }
    guard let file = read else {
      return withoutFile(settings, environment, runID, access, children, log)
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

  /// No file: the client commands may find a configuration through the name service ("configless"), or in a folder that
  /// they were built with.
  ///
  /// libslurm looks for an SRV record in the host's search domains. Without a domain there is nothing to find, and asking
  /// would only cost time, unless Slurm was installed in a place of its own: then only its commands know where it looks.
  private static func withoutFile(
    _ settings: RunSettings, _ environment: [String: String], _ runID: String, _ access: SlurmAccess,
    _ children: ChildProcesses, _ log: Logger
  ) -> SlurmSetup? {
    guard isInPath("sbatch", path: environment["PATH"]),
      NameService.hasSearchDomain || SlurmConfigurationFile.hasOwnPrefix(path: environment["PATH"])
    else {
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
        // Nobody else reaps yet: the loop that does starts with the command.
        let deadline = MonotonicInstant.now + limit
        while deadline > .now {
          _ = children.reapEnded()
          if let result = answer.wait(until: .now + 0.002, for: { $0 }) { return result }
        }
        return .failure(SlurmFailure(.timeout, "no answer within \(limit) s"))
      })
  }

  private static func tag(
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

/// slurm.conf, as far as it could be read.
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

/// What the resolver is set up for: resolv.conf(5).
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
