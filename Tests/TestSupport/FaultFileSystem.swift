import Glibc
import SystemCalls
public import SystemPackage

/// A real FUSE file system whose calls fail, hang or return wrong results as a test orders (Tests/FaultFileSystem).
public final class FaultFileSystem: Sendable {
  public struct Trouble: Error, CustomStringConvertible {
    public var description: String
  }

  /// The mount point, for duct.
  public let mount: FilePath
  /// The folder with the real contents. A test checks it, and changes it without the mount's knowledge.
  public let backing: FilePath
  private let control: FilePath
  private let pid: pid_t
  /// Kept until the file system is unmounted, because a mounted file system would prevent the removal of its
  /// folder.
  private let sandbox: Sandbox
  private let children = ChildProcesses(reaping: .byWaiters)

  /// Mounts a file system in a new folder of the sandbox.
  public init(in sandbox: Sandbox, name: String = "remote") throws {
    self.sandbox = sandbox
    mount = sandbox[name]
    backing = sandbox["\(name)-backing"]
    control = sandbox["\(name)-control"]
    try sandbox.makeDirectory(name)
    try sandbox.makeDirectory("\(name)-backing")
    let ready = try FileDescriptor.closeOnExecPipe()
    let null = try FileDescriptor.opening("/dev/null", .readWrite)
    defer {
      ready.read.closeQuietly()
      null.closeQuietly()
    }
    var daemon = Program(
      path: Array(Programs.folder.appending("fault-fs").string.utf8),
      arguments: ["fault-fs", backing.string, mount.string, control.string].map { Array($0.utf8) })
    daemon.descriptors = [.duplicate(of: null), .duplicate(of: ready.write), .inherited]
    daemon.closesOthers = true
    pid = try children.start(daemon)
    ready.write.closeQuietly()
    var line = [UInt8](repeating: 0, count: 6)
    let got = read(ready.read.rawValue, &line, line.count)
    guard got > 0, String(decoding: line, as: UTF8.self).hasPrefix("ready") else {
      throw Trouble(description: "the fault file system cannot be mounted; is /dev/fuse there?")
    }
  }

  deinit {
    sandbox.killProcesses()
    _ = try? tell("clear")
    children.signal(pid, SIGTERM)
    if children.wait(for: pid, until: .now + 5) == nil {
      children.signal(pid, SIGKILL)
      _ = children.wait(for: pid, until: .now + 5)
    }
    _ = umount2(mount.string, CInt(MNT_DETACH))
  }

  /// Sends a command (see Tests/FaultFileSystem/help.c). Returns the text after `ok` in the answer.
  @discardableResult
  public func tell(_ command: String) throws -> String {
    let socket = Glibc.socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    let connection = FileDescriptor(rawValue: try valueOrErrno { socket })
    defer { connection.closeQuietly() }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) {
      $0.copyBytes(from: Array(control.string.utf8).prefix(107))
    }
    _ = try valueOrErrno {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(connection.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
    try connection.writeAll(Array((command + "\n").utf8))
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    while read(connection.rawValue, &byte, 1) == 1, byte != UInt8(ascii: "\n") { answer.append(byte) }
    let text = String(decoding: answer, as: UTF8.self)
    guard text.hasPrefix("ok") else { throw Trouble(description: "\(command): \(text)") }
    return String(text.dropFirst(3))
  }
}
