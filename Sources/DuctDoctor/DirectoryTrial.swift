internal import DuctRecords
import Glibc
internal import LogDelivery
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// What the process that tries out a log directory has found so far: a line of JSON before each step, and one at the
/// end.
struct DirectoryTrial: Record, Equatable {
  /// A call, or some, that touch the file system.
  enum Step: String, Sendable {
    case search = "finding the directory"
    case records = "looking for earlier records"
    case room = "asking for its room"
    case create = "making a file"
    case write = "writing 4 kB"
    case sync = "an fsync"
    case close = "closing the file"
    case lock = "locking the file"
  }

  /// The step that it has begun.
  var step = Step.search
  var isDone = false
  /// The directory, or the nearest one above it that exists.
  var nearest: String?
  /// A part of the path that is no directory.
  var noDirectory: String?
  /// The records that exist already.
  var existing: [String] = []
  var roomBytes: UInt64?
  var roomFiles: UInt64?
  var syncSeconds: Double?
  var hasLocks = false
  /// The errno of the step if it has failed, and that of the lock, which may fail.
  var errno: Int?
  var lockErrno: Int?

  init() {}

  mutating func list(_ members: inout RecordMembers) {
    members("step", &step)
    members("is_done", &isDone)
    members("nearest", &nearest)
    members("no_directory", &noDirectory)
    members("existing", &existing)
    members("room_bytes", &roomBytes)
    members("room_files", &roomFiles)
    members("sync_seconds", &syncSeconds)
    members("has_locks", &hasLocks)
    members("errno", &errno)
    members("lock_errno", &lockErrno)
  }
}

/// Tries out a log directory, in a process of its own: writes a file there that has no name, or loses it at once.
///
/// A process whose thread hangs in FUSE does not end, not even by SIGKILL. So the caller leaves this one alone, and it
/// removes its file when the file system answers again.
public struct DirectoryTester {
  /// The word for `con-duct` that makes it this process; the prefix follows.
  public static let word = "try-directory"

  private var trial = DirectoryTrial()

  /// Tries out the directory of the files of this prefix, and writes lines to standard output.
  public static func run(prefix: String) {
    outliveFileSizeLimit()
    // The caller may have gone, and the file is to be removed nevertheless.
    ignoreSignal(SIGPIPE)
    var tester = DirectoryTester()
    tester.check(LogPaths(prefix: prefix))
    tester.trial.isDone = true
    tester.tell()
  }

  private func tell() {
    // Nobody may be left to tell.
    try? FileDescriptor.standardOutput.writeAll(trial.jsonLine)
  }

  private mutating func begin(_ step: DirectoryTrial.Step) {
    trial.step = step
    tell()
  }

  private mutating func check(_ paths: LogPaths) {
    do throws(Errno) {
      begin(.search)
      guard let folder = try nearest(to: paths.directory) else { return }
      trial.nearest = String(escaping: folder.bytes)
      begin(.records)
      trial.existing = LogDirectory.existing(paths)
      begin(.room)
      let room = Room(of: folder)
      (trial.roomBytes, trial.roomFiles) = (room?.bytes, room?.files)
      begin(.create)
      try write(makeFile(in: folder))
    } catch {
      trial.errno = Int(error.rawValue)
    }
  }

  /// The directory, or the nearest one above it that exists. Nil if a part of the path is something else.
  private mutating func nearest(to directory: FilePath) throws(Errno) -> FilePath? {
    var path = directory
    while true {
      var information = stat()
      do throws(Errno) {
        _ = try valueOrErrno { path.withPlatformString { stat($0, &information) } }
      } catch {
        // The part above it says which one is no directory.
        guard [.noSuchFileOrDirectory, .notDirectory].contains(error), path != path.parent else {
          throw error
        }
        path = path.parent
        continue
      }
      if information.st_mode & S_IFMT == S_IFDIR { return path }
      trial.noDirectory = String(escaping: path.bytes)
      return nil
    }
  }

  /// O_TMPFILE, which glibc shows only to programs with _GNU_SOURCE.
  private static let unnamed: FileDescriptor.OpenOptions = [.init(rawValue: 0o20_000_000), .directory]

  /// Makes a file that has no name. Where the file system has no such files, removes its name at once; the kernel
  /// removes the file itself when this process ends, however it ends.
  private func makeFile(in folder: FilePath) throws(Errno) -> FileDescriptor {
    do throws(Errno) {
      return try FileDescriptor.opening(
        folder, .readWrite, options: Self.unnamed, permissions: .ownerReadWrite)
    } catch {
      // A file system or a kernel without such files answers with one of these.
      guard [.notSupported, .isDirectory, .invalidArgument, .noFunction].contains(error) else { throw error }
    }
    let path = folder.appending(
      name: ".duct-doctor-\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36))")
    let file: FileDescriptor
    do throws(Errno) {
      file = try FileDescriptor.opening(
        path, .readWrite, options: [.create, .exclusiveCreate, .noFollow], permissions: .ownerReadWrite)
    } catch {
      // Over a network, the file can be there although the call has failed.
      path.withPlatformString { _ = unlink($0) }
      throw error
    }
    do throws(Errno) {
      _ = try valueOrErrno { path.withPlatformString { unlink($0) } }
    } catch {
      file.closeQuietly()
      throw error
    }
    return file
  }

  private static let testBytes = [UInt8](repeating: 0x20, count: 4096)

  private mutating func write(_ file: FileDescriptor) throws(Errno) {
    do throws(Errno) {
      begin(.write)
      try file.writeAll(Self.testBytes)
      begin(.sync)
      let start = MonotonicInstant.now
      _ = try valueOrErrno { fsync(file.rawValue) }
      trial.syncSeconds = MonotonicInstant.now.seconds(since: start)
      begin(.lock)
      let error = lock(file)
      trial.lockErrno = error.map { Int($0.rawValue) }
      trial.hasLocks = error == nil
      begin(.close)
    } catch {
      file.closeQuietly()
      throw error
    }
    // NFS reports some errors, such as a used up quota, when a file is closed.
    _ = try valueOrErrno(retryOnInterrupt: false) { close(file.rawValue) }
  }

  private func lock(_ file: FileDescriptor) -> Errno? {
    do throws(Errno) {
      var range = flock()
      range.l_type = Int16(F_WRLCK)
      range.l_whence = Int16(SEEK_SET)
      _ = try valueOrErrno { fcntl(file.rawValue, F_SETLK, &range) }
      return nil
    } catch {
      return error
    }
  }
}

extension Room {
  /// Nil if the file system does not say. Blocks until it answers.
  init?(of folder: FilePath) {
    var information = statvfs()
    guard folder.withPlatformString({ statvfs($0, &information) }) == 0, information.f_blocks > 0 else {
      return nil
    }
    self.init(
      bytes: UInt64(information.f_bavail) &* UInt64(information.f_frsize),
      files: information.f_files == 0 ? nil : UInt64(information.f_favail))
  }
}
