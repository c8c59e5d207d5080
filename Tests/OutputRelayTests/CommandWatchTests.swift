import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import OutputRelay

/// How the relay detects the end of a command after duct was killed.
@Suite struct CommandWatchTests {
  private let status: RelayStatus
  private let children = ChildProcesses(reaping: .byWaiters)
  private let life: (read: FileDescriptor, write: FileDescriptor)
  private let input: (read: FileDescriptor, write: FileDescriptor)

  init() throws {
    status = try RelayStatus()
    life = try FileDescriptor.closeOnExecPipe()
    input = try FileDescriptor.closeOnExecPipe()
  }

  /// Starts a command that ends when its input ends.
  private func startCommand() throws -> pid_t {
    var cat = Program(path: Array("/bin/cat".utf8), arguments: ["cat"].map { Array($0.utf8) })
    cat.descriptors = [.duplicate(of: input.read), .inherited, .inherited]
    cat.closesOthers = true
    let pid = try children.start(cat)
    input.read.closeQuietly()
    return pid
  }

  private func look(_ watch: inout CommandWatch) throws {
    let ready = try poll(reading: [watch.descriptor], until: .now + 20)
    try #require(ready[0].isReadable)
    watch.look()
  }

  /// The result of pidfd_open(2). nil: as this system has it. ENOSYS: Linux before 5.3. EPERM: a container forbids it.
  @Test(arguments: [nil, Errno(rawValue: ENOSYS), .notPermitted, .tooManyOpenFiles] as [Errno?])
  func theEndOfTheCommandIsSeen(_ failure: Errno?) throws {
    let pid = try startCommand()
    status.noteCommand(try #require(CommandIdentity(of: pid)))
    var watch: CommandWatch
    if let failure {
      watch = CommandWatch(life: life.read, status: status) { _ throws(Errno) in throw failure }
    } else {
      watch = CommandWatch(life: life.read, status: status)
    }
    life.write.closeQuietly()
    try look(&watch)
    #expect(!watch.isOver, "duct has gone, and the command has not")
    if failure != nil { try look(&watch) }
    #expect(!watch.isOver && status.commandEnd == nil)
    // The command stays a zombie, since no process reaps it here. The page stores its end in whole milliseconds.
    let before = WallTime.now.seconds - 1e-3
    input.write.closeQuietly()
    while !watch.isOver { try look(&watch) }
    #expect(try #require(status.commandEnd) >= before)
    _ = children.wait(for: pid, until: .now + 5)
  }

  /// The command has already ended when the relay detects duct's death.
  @Test(arguments: [nil, Errno(rawValue: ENOSYS)] as [Errno?])
  func aCommandThatHasEndedAlreadyIsNotWaitedFor(_ failure: Errno?) throws {
    let pid = try startCommand()
    status.noteCommand(try #require(CommandIdentity(of: pid)))
    input.write.closeQuietly()
    _ = children.wait(for: pid, until: .now + 20)
    var watch = CommandWatch(life: life.read, status: status) { pid throws(Errno) in
      throw failure ?? .noSuchProcess
    }
    life.write.closeQuietly()
    try look(&watch)
    #expect(watch.isOver && status.commandEnd == nil, "when it ended is not known")
  }
}
