internal import Glibc
public import SystemCalls
public import SystemPackage

/// Where a relay finds its descriptors: numbers that duct and duct-relay agree on.
public enum RelayPlacement {
  private static let status = 3
  private static let wake = 4
  private static let pipes = [5, 7]
  private static let files = [6, 8]

  /// The descriptors of a relay to be started, from number 0 on.
  public static func sources(
    pipes: [FileDescriptor?], files: [FileDescriptor?], wake: FileDescriptor, status: RelayStatus,
    null: FileDescriptor
  ) -> [Program.Source] {
    var sources = [Program.Source](repeating: .closed, count: 9)
    for standard in 0..<3 { sources[standard] = .duplicate(of: null) }
    sources[Self.status] = .duplicate(of: status.descriptor)
    sources[Self.wake] = .duplicate(of: wake)
    for (index, (pipe, file)) in zip(pipes, files).enumerated() {
      if let pipe, let file {
        sources[Self.pipes[index]] = .duplicate(of: pipe)
        sources[Self.files[index]] = .duplicate(of: file)
      }
    }
    return sources
  }

  /// The loop of this process, which was started with those descriptors.
  public static func loop() throws(Errno) -> RelayLoop {
    func open(_ number: Int) -> FileDescriptor? {
      let descriptor = FileDescriptor(rawValue: CInt(number))
      return descriptor.isOpen ? descriptor : nil
    }
    guard let statusPage = open(status), let wakeEvent = open(wake) else { throw .badFileDescriptor }
    return RelayLoop(
      pipes: pipes.map(open), files: files.map(open), wake: wakeEvent,
      status: try RelayStatus(mapping: statusPage))
  }
}
