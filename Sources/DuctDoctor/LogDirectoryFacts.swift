internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What the check of a log directory has found.
struct LogDirectoryFacts: Sendable {
  typealias Step = DirectoryTrial.Step

  enum Trouble: Sendable, Equatable {
    case failed(Step, Errno)
    /// A part of the path is no directory.
    case noDirectory(String)
    case hangs(Step, seconds: Double)
    /// It could not be tried out, for this reason.
    case notTried(String)
  }

  /// The log directory, as an absolute path.
  var directory: String
  var mount: MountedFilesystem?
  /// The log directory, or the nearest one above it that exists.
  var nearest: String?
  /// The records that exist already.
  var existing: [String] = []
  /// Whether existing records are in the way: the user chose the name, and did not set `--clobber`.
  var refusesExisting = true
  var room: Room?
  var quota: QuotaReport?
  var syncSeconds: Double?
  /// The error of a lock. Nil: locks work, or were not tried.
  var lockError: Errno?
  var hasLocks = false
  /// The process of the check, if the file system does not answer it.
  var process: Int32?
  var trouble: Trouble?

  init(directory: String) { self.directory = directory }

  var isWritable: Bool { trouble == nil }
}

/// The room of a file system for this user.
struct Room: Sendable, Equatable {
  var bytes: UInt64
  /// Files that can still be made. Nil: the file system does not count them.
  var files: UInt64?

  static let scarceBytes: UInt64 = 100_000_000
  static let scarceFiles: UInt64 = 100

  var isScarce: Bool { bytes < Self.scarceBytes || files.map { $0 < Self.scarceFiles } ?? false }

  var text: String {
    "room for \(humanSize(Double(bytes)))"
      + (files.map { " and \(fixed(Double($0), decimals: 0)) files" } ?? "")
  }
}

extension LogDirectoryFacts {
  /// The longest time of an fsync that needs no attention, in seconds.
  static let slowSync = 1.0

  var findings: [Finding] {
    [place, records, access, space, quotaFinding, syncFinding, locks].compactMap { $0 }
  }

  private func ok(_ check: String, _ text: String) -> Finding { Finding(.logDirectory, check, ok: text) }

  private func finding(_ check: String, _ level: Finding.Level, _ text: String, _ advice: String) -> Finding {
    Finding(.logDirectory, check, level, text, advice: advice)
  }

  private var place: Finding {
    guard let mount else {
      return finding(
        "mount", .warning, "\(directory): the mount table does not show its file system",
        "Mount /proc; until then, duct treats the directory as remote")
    }
    let what = "\(directory) is on \(mount.type) (\(mount.source) at \(mount.point))"
    let options = mount.options.joined(separator: ",")
    guard mount.kind == .remote else {
      return ok("mount", "\(what), a local file system; options \(options)")
    }
    if mount.type.hasPrefix("nfs"), mount.options.contains("soft") || mount.options.contains("softerr") {
      return finding(
        "mount", .note, "\(what), a remote file system; options \(options)",
        "Mind the option soft: while the server does not answer, programs other than duct get errors, and may lose data"
      )
    }
    return ok(
      "mount", "\(what), a remote file system: while it fails, output waits in the spool; options \(options)")
  }

  private var records: Finding? {
    guard let first = existing.first else { return nil }
    let text =
      "\(existing.count == 1 ? "a record exists" : "\(existing.count) records exist") already: \(first)"
    guard refusesExisting else {
      return finding(
        "records", .note, text, "The run replaces or passes over them; give another prefix to keep both")
    }
    return finding("records", .failure, text, "Give another prefix, or --clobber to replace them")
  }

  private var access: Finding {
    let consequence = "; until then, the output of a run waits in the spool for con-duct recover"
    switch trouble {
    case nil:
      let isThere = nearest == directory
      return ok(
        "writable",
        isThere ? "a file can be written" : "a run makes it in \(nearest ?? "/"), which is writable")
    case .notTried(let reason):
      return finding(
        "writable", .failure, "it could not be tried out: \(reason)",
        "Raise the limits of processes and open files (ulimit -u, -n), and try again")
    case .noDirectory(let path):
      return finding("writable", .failure, "\(path) is no directory", "Give another prefix")
    case .hangs(let step, let seconds):
      return finding(
        "writable", .failure,
        "it does not answer: \(step.rawValue) has taken longer than \(fixed(seconds, decimals: 1)) s",
        "Ask the administrators about \(mount?.source ?? "its server")\(consequence)\(removal)")
    case .failed(let step, let errno):
      return finding(
        "writable", .failure,
        "it cannot be written: \(step.rawValue) in \(nearest ?? directory) fails with \(Problem(errno))",
        advice(errno) + consequence + removal)
    }
  }

  private var removal: String {
    process.map { ". Process \($0) of the check waits there, and removes its file when it can" } ?? ""
  }

  private func advice(_ errno: Errno) -> String {
    switch errno {
    case .readOnlyFileSystem: return "Give a prefix on a file system that is not mounted read-only"
    case .noSpace: return "Remove files there, or give a prefix elsewhere"
    case .diskQuotaExceeded: return "Remove some of your files there: your quota is used up"
    default: break
    }
    switch errno.failureKind {
    case .credential:
      return mount?.usesKerberos == true
        ? "Get a ticket (kinit) and check the rights of the directory (ls -ld)"
        : "Check the rights of the directory (ls -ld), or give a prefix elsewhere"
    case .space: return "Raise the limit or make room there"
    case .handle, .server, .permanent:
      return "Check the path, and ask the administrators about the file system"
    }
  }

  private var space: Finding? {
    guard let room else { return nil }
    if !room.isScarce { return ok("room", room.text) }
    return finding("room", .warning, "only \(room.text)", "Remove files there, or give a prefix elsewhere")
  }

  private var quotaFinding: Finding? {
    guard let quota else { return nil }
    guard quota.isNearLimit else { return ok("quota", quota.text) }
    return finding(
      "quota", .warning, quota.text, "Remove some of your files there before the limit is reached")
  }

  private var syncFinding: Finding? {
    guard let syncSeconds else { return nil }
    let text = "an fsync takes \(fixed(syncSeconds * 1000, decimals: 1)) ms"
    if syncSeconds <= Self.slowSync { return ok("fsync", text) }
    return finding(
      "fsync", .warning, text, "Give a prefix on a faster file system, or expect that records arrive late")
  }

  private var locks: Finding? {
    if let lockError {
      return finding(
        "locks", .note, "it has no file locks: \(Problem(lockError))",
        "duct needs none there; keep files of programs that lock (SQLite, HDF5) elsewhere")
    }
    return hasLocks ? ok("locks", "file locks work") : nil
  }
}
