import Glibc
internal import RecordText
public import SlurmJobs
internal import SystemCalls
internal import SystemPackage

/// The output files of jobs among the paths of a command line, by Slurm's default names: `slurm-118.out`, and
/// `slurm-200_3.out` for a task of an array.
public struct SlurmOutputFiles: Sendable {
  struct Job: Hashable, Sendable {
    var id: UInt32
    var task: UInt32?
  }

  struct File: Sendable {
    var path: String
    /// When it last changed, in seconds since 1970.
    var changed: Int
  }

  private(set) var files: [Job: File] = [:]
  /// The arguments that may lead to records of runs: all others than such files, and than directories that hold such
  /// files and no record.
  public private(set) var others: [String] = []

  public init(_ arguments: [String], isRecord: (String) -> Bool) {
    for argument in arguments {
      let name = argument.split(separator: "/").last.map(String.init) ?? argument
      if let job = Self.job(named: name), note(argument, job) { continue }
      let names = Self.names(in: argument)
      var hasFiles = false
      for name in names {
        if let job = Self.job(named: name),
          note(argument.hasSuffix("/") ? argument + name : "\(argument)/\(name)", job)
        {
          hasFiles = true
        }
      }
      if !hasFiles || names.contains(where: isRecord) { others.append(argument) }
    }
  }

  public var isEmpty: Bool { files.isEmpty }

  /// The jobs that the names tell.
  public var jobs: JobSelection {
    var selection = JobSelection()
    for job in files.keys.sorted(by: { ($0.id, $0.task ?? 0) < ($1.id, $1.task ?? 0) }) {
      selection.add(job.id, task: job.task)
    }
    return selection
  }

  /// Leaves out the files of jobs that the records of runs name.
  public mutating func leaveOut(_ jobs: [JobRecord]) {
    if files.isEmpty { return }
    for job in jobs {
      if let id = job.jobID { files[Job(id: id)] = nil }
      if let id = job.arrayJobID, let task = job.arrayTaskID { files[Job(id: id, task: task)] = nil }
    }
  }

  /// The file of a job; nil if there is none.
  func file(of job: JobRecord) -> File? {
    if let id = job.arrayJobID { return job.arrayTaskID.flatMap { files[Job(id: id, task: $0)] } }
    return job.jobID.flatMap { files[Job(id: $0)] }
  }

  /// The job of a file name; nil if it is none of Slurm's default names.
  static func job(named name: String) -> Job? {
    guard name.hasPrefix("slurm-"), name.hasSuffix(".out"), name.utf8.count > 10 else { return nil }
    let numbers = name.dropFirst(6).dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
    guard numbers.count <= 2, numbers.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }),
      let id = UInt32(numbers[0]), id > 0
    else { return nil }
    if numbers.count == 1 { return Job(id: id) }
    return UInt32(numbers[1]).map { Job(id: id, task: $0) }
  }

  /// False if there is no such regular file.
  private mutating func note(_ path: String, _ job: Job) -> Bool {
    var information = stat()
    let isThere = FilePath(escaped: path).withPlatformString { stat($0, &information) } == 0
    guard isThere, information.st_mode & S_IFMT == S_IFREG else { return false }
    files[job] = File(path: path, changed: information.st_mtim.tv_sec)
    return true
  }

  /// No names if it cannot be listed: `RunFinder` tells why.
  private static func names(in directory: String) -> [String] {
    guard
      let folder = try? FileDescriptor.opening(FilePath(escaped: directory), .readOnly, options: .directory)
    else { return [] }
    defer { folder.closeQuietly() }
    return ((try? entryNames(of: folder)) ?? []).map { String(escaping: $0) }
  }
}
