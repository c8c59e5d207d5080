internal import SystemCalls
public import SystemPackage

/// The pipe that a stream of the command goes to, as its relay sees it.
public struct CommandPipe: Sendable {
  /// The command's end is not here.
  public var reading: FileDescriptor
  /// A pipe of our own between the command's pipe and the files; nil where it could not be had.
  ///
  /// splice(2) keeps a pipe locked while it writes to a file, and the command would wait for the disk.
  /// From pipe to pipe it only hands pages over. Whoever takes a relay's place finds in it what the
  /// relay had not yet written.
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

  /// Makes the pipe that a command writes to; `writing` is the command's end.
  ///
  /// - Parameter size: what the pipes should hold; the system may grant less.
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

  /// All that are open here.
  public var ends: [FileDescriptor] {
    [reading, transit?.reading, transit?.writing].compactMap { $0 }
  }
}
