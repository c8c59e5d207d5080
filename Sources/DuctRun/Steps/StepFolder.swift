internal import DuctRecords
import Glibc
internal import LogDelivery
internal import ProcessSampling
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// The folder in the spool of a node by which the tasks of a step and the process that watches them find each other.
///
/// - `watch`: the lock of the watching process. Whoever gets it starts one.
/// - `run`: the id of the run and, once it runs, the pid of the watching process.
/// - `tasks`: a line for each prolog and each epilog. Each is appended by one write, so lines never mix.
struct StepFolder: Sendable {
  private static let (lockName, runName, tasksName) = (SpoolFolder.sharedLock, "run", "tasks")
  /// Bytes: a line has about 100.
  private static let longestTasks = 64 << 20

  let folder: PrivateFolder

  /// Opens the folder; creates it if it is missing.
  ///
  /// - Throws: a line about why there is none.
  init(_ name: String, _ environment: [String: String], spool chosen: FilePath?) throws(Problem) {
    let places = RunSpool.places(chosen: chosen, environment)
    var reasons: [String] = []
    guard let spool = Spool.find(in: places, reject: { reasons.append("\($0): \($1)") }) else {
      throw Problem("no local disk has room for the spool (\(reasons.joined(separator: "; ")))")
    }
    do throws(PrivateFolder.Refusal) {
      folder = try PrivateFolder(shared: name, in: spool)
    } catch {
      throw Problem("\(spool.base)/\(name): \(error)")
    }
  }

  /// Opens an existing folder.
  init(_ path: FilePath) throws(Problem) {
    do throws(PrivateFolder.Refusal) { folder = try PrivateFolder(path) } catch {
      throw Problem("\(path): \(error)")
    }
  }

  // MARK: The watching process

  /// The run of the watching process.
  struct Watch: Record, Equatable {
    var runID = ""
    var job: Int = 0
    var step = ""
    /// The slurmstepd of the step.
    var daemon: Int32 = 0
    /// Nil until it runs.
    var pid: Int?

    mutating func list(_ members: inout RecordMembers) {
      members("run_id", &runID)
      members("job", &job)
      members("step", &step)
      members("daemon", &daemon)
      members("pid", &pid)
    }
  }

  /// Takes the lock. Nil while another process has it, or if the folder was removed meanwhile.
  func takeLock() -> FileDescriptor? {
    guard let file = try? folder.open(Self.lockName, .readWrite, options: [.create]) else { return nil }
    if lockFile(file), folder.isInPlace { return file }
    file.closeQuietly()
    return nil
  }

  /// The run that was noted.
  var watch: Watch? {
    (try? folder.read(Self.runName, limit: 1 << 16)).flatMap { try? Watch(json: $0) }
  }

  /// Notes the run unless another prolog has done so first.
  func offer(_ watch: Watch) throws(PrivateFolder.Refusal) { try folder.offer(Self.runName, watch.jsonLine) }

  func write(_ watch: Watch) throws(PrivateFolder.Refusal) {
    try folder.replace(Self.runName, with: watch.jsonLine)
  }

  /// Removes everything. Only for the process that has the lock.
  func remove() { folder.remove { _ in true } }

  // MARK: Tasks

  /// What a prolog or an epilog announces.
  struct Line: Record {
    var procID = 0
    var pid: Int?
    var start: Double?
    var end: Double?

    mutating func list(_ members: inout RecordMembers) {
      members("procid", &procID)
      members("pid", &pid)
      members("start", &start)
      members("end", &end)
    }
  }

  func announce(_ line: Line) throws(PrivateFolder.Refusal) {
    let file = try folder.open(Self.tasksName, .writeOnly, options: [.create, .append])
    defer { file.closeQuietly() }
    do throws(Errno) { try file.writeAll(line.jsonLine) } catch {
      throw PrivateFolder.Refusal("cannot write \(Self.tasksName): \(error.description)")
    }
  }

  /// The tasks that were announced, by their rank.
  var tasks: [StepTask] {
    let bytes = (try? folder.read(Self.tasksName, limit: Self.longestTasks)) ?? []
    var tasks: [Int: StepTask] = [:]
    for text in bytes.split(separator: UInt8(ascii: "\n")) {
      guard let line = try? Line(json: Array(text)) else { continue }
      if let start = line.start, let pid = line.pid.flatMap({ Int32(exactly: $0) }) {
        tasks[line.procID] = StepTask(procID: line.procID, pid: pid, startTime: start)
      } else if let end = line.end {
        tasks[line.procID]?.endTime = end
      }
    }
    return tasks.values.sorted { $0.procID < $1.procID }
  }
}
