internal import SystemCalls
public import SystemPackage

/// The relay's end of the pipe that the command writes stdout or stderr to.
public struct CommandPipe: Sendable {
  /// The end that the relay reads. duct passes the other end to the command.
  public var reading: FileDescriptor
  /// A second pipe, between the command's pipe and the files. Nil if it could not be created.
  ///
  /// splice(2) locks a pipe while it writes from it to a file, so without this pipe the command would wait for
  /// the disk. From pipe to pipe, splice(2) only moves page references. If a relay is killed, its successor finds
  /// here the bytes that the relay had not yet written.
  public var transit: Transit?

  public struct Transit: Sendable {
    public var reading: FileDescriptor
    public var writing: FileDescriptor

    public init(reading: FileDescriptor, writing: FileDescriptor) {
      self.reading = reading
      self.writing = writing
    }
  }

  public init(reading: FileDescriptor, transit: Transit?) {
    self.reading = reading
    self.transit = transit
  }

  /// Creates the pipes of one stream. `writing` is the end for the command.
  ///
  /// - Parameter size: the requested capacity of each pipe in bytes. The kernel may grant less.
  public static func make(size: Int) throws(Errno) -> (pipe: CommandPipe, writing: FileDescriptor) {
    let command = try FileDescriptor.closeOnExecPipe()
    command.write.setPipeSize(size)
    var pipe = CommandPipe(reading: command.read, transit: nil)
    if let transit = try? FileDescriptor.closeOnExecPipe() {
      transit.write.setPipeSize(size)
      pipe.transit = Transit(reading: transit.read, writing: transit.write)
    }
    return (pipe, command.write)
  }

  /// All descriptors of this stream that are open in this process.
  public var ends: [FileDescriptor] {
    [reading, transit?.reading, transit?.writing].compactMap { $0 }
  }
}
