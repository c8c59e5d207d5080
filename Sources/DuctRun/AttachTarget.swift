internal import DuctRecords
internal import DuctSettings
import Glibc
internal import ProcessSampling
internal import RecordText
public import SystemCalls
public import SystemPackage

/// What `con-duct attach` watches: processes that run already, and that duct has not started.
public struct AttachTarget: Sendable {
  /// Which processes they are.
  let processes: WatchedProcesses
  /// What info.json has as their command.
  let command: String
  /// Of the first process; that of duct if it cannot be read.
  let workingDirectory: String
  /// Of the first process. Nil if it cannot be read.
  let environment: [String: String]?
  /// What could not be read of them, in words; empty if all could.
  let problems: [String]

  /// What the user names.
  public enum Choice: Sendable {
    case process(Int32)
    case session(Int32)
    case controlGroup(FilePath)
    /// What runs on this host of a job, or of one of its steps.
    case job(UInt32, step: String?)
    /// What this slurmstepd runs.
    case daemon(Int32, job: UInt32, step: String)
    /// The srun of a step. info.json has this command, and the environment of duct: srun's own has no step in it.
    case launcher(Int32, command: String)
  }

  /// - Throws: a line about why there is nothing to watch.
  public init(_ choice: Choice) throws(Problem) {
    let files = ProcFiles()
    guard files.numbers.own != nil else {
      throw Problem("/proc is not of this pid namespace, and does not tell which processes there are")
    }
    let leader: Int32?
    (processes, leader) = try Self.find(choice, files)
    let line = leader.flatMap { files.number(of: $0) }.flatMap { files.commandLine($0) }
    command = line ?? Self.name(choice)
    environment = leader.flatMap { Self.environment(of: $0) }
    let folder = leader.flatMap { Self.workingDirectory(of: $0) }
    workingDirectory = folder ?? currentDirectory()
    let isUnread = leader != nil && (environment == nil || folder == nil)
    problems = isUnread ? ["its environment or working directory may not be read by this user"] : []
  }

  /// The processes, and the first of them if one stands out.
  private static func find(
    _ choice: Choice, _ files: ProcFiles
  ) throws(Problem) -> (WatchedProcesses, leader: Int32?) {
    switch choice {
    case .process(let pid):
      guard let stat = files.stat(own: pid), !stat.isZombie else {
        throw Problem("there is no process \(pid)")
      }
      return (.process(pid), pid)
    case .launcher(let pid, _):
      guard let stat = files.stat(own: pid), !stat.isZombie else {
        throw Problem("the srun \(pid) has ended")
      }
      return (.process(pid), nil)
    case .session(let session):
      guard files.hasSession(session) else {
        throw Problem("no process of session \(session) is visible on this host")
      }
      return (.session(session), files.stat(own: session) == nil ? nil : session)
    case .controlGroup(let folder):
      return (.controlGroup(try group(folder)), nil)
    case .daemon(let pid, _, _):
      if files.stat(own: pid) == nil { throw Problem("the slurmstepd \(pid) has ended") }
      return (.daemon(pid), nil)
    case .job(let job, let name):
      let step = StepName(job: job, step: name)
      if step.daemons(files).isEmpty {
        throw Problem("\(step) has no slurmstepd on this host, so none of its processes is here (yet)")
      }
      return (.job(step), nil)
    }
  }

  /// What info.json has as the command of processes without a leader.
  private static func name(_ choice: Choice) -> String {
    switch choice {
    case .process(let pid): "process \(pid)"
    case .session(let session): "session \(session)"
    case .controlGroup(let folder): "cgroup \(folder)"
    case .daemon(_, let job, let step): "\(StepName(job: job, step: step))"
    case .job(let job, let step): "\(StepName(job: job, step: step))"
    case .launcher(_, let command): command
    }
  }

  /// - Parameter folder: of the group, or its path as /proc/PID/cgroup has it.
  private static func group(_ folder: FilePath) throws(Problem) -> FilePath {
    for place in [folder] + GroupMembers.folders(of: folder) {
      if FileIdentity(at: place.appending("cgroup.procs")) != nil { return place }
    }
    throw Problem(
      "\(folder) is no control group: neither it nor a group of that name has a file cgroup.procs")
  }

  private static func environment(of pid: Int32) -> [String: String]? {
    guard let bytes = try? readAll(FilePath("/proc/\(pid)/environ"), limit: 4 << 20), !bytes.isEmpty else {
      return nil
    }
    return Surroundings.environment(of: bytes.split(separator: 0))
  }

  private static func workingDirectory(of pid: Int32) -> String? {
    linkTarget(of: Array("/proc/\(pid)/cwd".utf8)).map { String(escaping: $0) }
  }
}
