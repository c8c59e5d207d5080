internal import DuctRecords
internal import DuctSettings
import Glibc
internal import LogDelivery
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// Has another process try out a log directory, and reads what it finds. See `DirectoryTester`.
struct LogDirectoryProbe: Sendable {
  let paths: LogPaths
  let refusesExisting: Bool
  /// duct's own executable.
  let program: FilePath

  /// Waits `LogDirectory.patience` for each step.
  func facts() -> LogDirectoryFacts {
    var facts = LogDirectoryFacts(directory: String(escaping: paths.directory.bytes))
    facts.mount = Filesystem.mount(of: paths.directory)
    facts.refusesExisting = refusesExisting
    do throws(Errno) {
      let children = ChildProcesses(reaping: .byWaiters)
      let (pid, output) = try start(children)
      defer { output.closeQuietly() }
      let trial = Self.read(output)
      facts.use(trial)
      if trial?.isDone == true {
        _ = children.wait(for: pid, until: .now + 1)
      } else {
        facts.process = pid
        children.forget(pid)
      }
    } catch {
      facts.trouble = .notTried(Problem(error).description)
    }
    return facts
  }

  private func start(_ children: ChildProcesses) throws(Errno) -> (pid: Int32, output: FileDescriptor) {
    let pipe = try FileDescriptor.closeOnExecPipe()
    defer { pipe.write.closeQuietly() }
    do throws(Errno) {
      let null = try FileDescriptor.opening("/dev/null", .readWrite)
      defer { null.closeQuietly() }
      var child = Program(
        path: program.bytes, arguments: ["con-duct", DirectoryTester.word, paths.prefix].map(\.originalBytes))
      child.descriptors = [.duplicate(of: null), .duplicate(of: pipe.write), .duplicate(of: null)]
      child.closesOthers = true
      child.startsSession = true
      return (try children.start(child), pipe.read)
    } catch {
      pipe.read.closeQuietly()
      throw error
    }
  }

  /// The last whole line until the process has ended or a step takes too long. Nil: it has written none.
  private static func read(_ output: FileDescriptor) -> DirectoryTrial? {
    var last: DirectoryTrial?
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while last?.isDone != true {
      let ready = try? poll(reading: [output], until: .now + LogDirectory.patience)
      guard ready?.first?.isReadable == true else { return last }
      let count = chunk.withUnsafeMutableBytes { Glibc.read(output.rawValue, $0.baseAddress, $0.count) }
      guard count > 0 else { return last }
      text += chunk[..<count]
      while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
        last = (try? DirectoryTrial(json: Array(text[..<end]))) ?? last
        text.removeSubrange(...end)
      }
    }
    return last
  }
}

extension LogDirectoryFacts {
  /// - Parameter trial: nil: the process has ended without a word.
  fileprivate mutating func use(_ trial: DirectoryTrial?) {
    guard let trial else {
      trouble = .notTried("the process for it has ended or does not answer")
      return
    }
    nearest = trial.nearest
    existing = trial.existing
    room = trial.roomBytes.map { Room(bytes: $0, files: trial.roomFiles) }
    syncSeconds = trial.syncSeconds
    lockError = trial.lockErrno.map { Errno(rawValue: CInt($0)) }
    hasLocks = trial.hasLocks
    if let path = trial.noDirectory {
      trouble = .noDirectory(path)
    } else if let errno = trial.errno {
      trouble = .failed(trial.step, Errno(rawValue: CInt(errno)))
    } else if !trial.isDone {
      trouble = .hangs(trial.step, seconds: LogDirectory.patience)
    }
  }
}
