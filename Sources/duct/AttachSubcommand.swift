import ArgumentParser
import DuctRecords
import DuctRun
import DuctSettings
import RecordText
import SystemCalls
import SystemPackage

/// `con-duct attach`.
struct AttachSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach",
    abstract: "Watch and record processes that run already.",
    discussion: """
      Writes usage.jsonl and info.json as duct does, and no output. Ends when the last of the processes has ended. \
      SIGTERM, SIGINT and SIGHUP end duct; the processes go on. Of their exit codes only that of a job is known, from \
      Slurm. Only processes that you may see are watched.
      """)

  @Option(help: ArgumentHelp("Watch this session, and the descendants of its processes.", valueName: "sid"))
  var session: Int32?

  @Option(
    help: ArgumentHelp(
      "Watch a control group and those below it: its folder, or its path as in /proc/PID/cgroup.",
      valueName: "path"), completion: .directory)
  var cgroup: String?

  @Option(help: ArgumentHelp("Watch what runs of a Slurm job on this host.", valueName: "id"))
  var job: UInt32?

  @Option(
    help: ArgumentHelp("With --job: only this step, such as 0, batch or interactive.", valueName: "step"))
  var step: String?

  @OptionGroup var arguments: AttachArguments

  @Argument(help: ArgumentHelp("Watch this process and its descendants.", valueName: "pid"))
  var pid: Int32?

  func validate() throws {
    let named = [pid != nil, session != nil, cgroup != nil, job != nil].count { $0 }
    if named != 1 {
      throw ValidationError(
        "what to watch is missing or not clear: give one pid, --session, --cgroup or --job")
    }
    if step != nil, job == nil { throw ValidationError("--step needs --job") }
    if let step, step.isEmpty { throw ValidationError("--step: the name is empty") }
    for (name, number) in [("the pid", pid), ("--session", session)] {
      if let number, number <= 0 { throw ValidationError("\(name) must be larger than 0, and is \(number)") }
    }
  }

  func run() throws {
    useOneHeap()
    let surroundings = Surroundings()
    var options = arguments.options
    // A run has a command. These processes have one that duct has not started.
    options.command = [Array("attach".utf8)]
    var settings = try RunSettings(options, surroundings)
    settings.watchOnly()
    let target: AttachTarget
    do throws(Problem) { target = try AttachTarget(choice) } catch {
      throw UsageError(error.description)
    }
    throw ExitCode(try Attachment.execute(settings, target, surroundings))
  }

  private var choice: AttachTarget.Choice {
    if let session { return .session(session) }
    if let cgroup { return .controlGroup(FilePath(escaped: cgroup)) }
    if let job { return .job(job, step: step) }
    return .process(pid ?? 0)
  }
}
