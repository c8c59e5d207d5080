internal import CSystemCalls
internal import Glibc
public import SystemCalls
public import SystemPackage

/// The descriptor numbers at which a relay finds its files. duct and duct-relay agree on them.
public enum RelayPlacement {
  private static let status = 3
  private static let wake = 4
  /// The read end of a pipe whose write end only duct has: it reaches end of file when duct ends.
  private static let life = 5
  /// The lock of the run folder. It is held as long as any process has this descriptor open.
  private static let lock = 6
  /// duct's program file, for the case that its path cannot be read later.
  private static let program = 7
  private static let pipes = [8, 9]
  private static let stores = [[10, 11, 12], [13, 14, 15]]
  private static let transits = [(reading: 16, writing: 17), (reading: 18, writing: 19)]
  /// The file in the spool that holds the copy of the page.
  private static let copy = 20
  private static let count = 21

  /// The descriptors that a relay gets.
  public struct Parts: Sendable {
    public var pipes: [CommandPipe?]
    public var stores: [OutputStores?]
    public var wake: FileDescriptor
    public var status: RelayStatus
    public var life: FileDescriptor?
    public var lock: FileDescriptor?
    public var program: FileDescriptor?

    public init(
      pipes: [CommandPipe?], stores: [OutputStores?], wake: FileDescriptor, status: RelayStatus,
      life: FileDescriptor? = nil, lock: FileDescriptor? = nil, program: FileDescriptor? = nil
    ) {
      self.pipes = pipes
      self.stores = stores
      self.wake = wake
      self.status = status
      self.life = life
      self.lock = lock
      self.program = program
    }
  }

  /// The descriptors to start a relay with; index = descriptor number in the relay.
  public static func sources(_ parts: Parts, null: FileDescriptor) -> [Program.Source] {
    var sources = [Program.Source](repeating: .closed, count: count)
    for standard in 0..<3 { sources[standard] = .duplicate(of: null) }
    func place(_ descriptor: FileDescriptor?, at number: Int) {
      if let descriptor { sources[number] = .duplicate(of: descriptor) }
    }
    place(parts.status.descriptor, at: status)
    place(parts.status.copy, at: copy)
    place(parts.wake, at: wake)
    place(parts.life, at: life)
    place(parts.lock, at: lock)
    place(parts.program, at: program)
    for (index, (pipe, files)) in zip(parts.pipes, parts.stores).enumerated() {
      guard let pipe, let files else { continue }
      place(pipe.reading, at: pipes[index])
      place(pipe.transit?.reading, at: transits[index].reading)
      place(pipe.transit?.writing, at: transits[index].writing)
      for (file, number) in zip(files.files, stores[index]) { place(file, at: number) }
    }
    return sources
  }

  /// The descriptors that this process got when duct started it with `sources`.
  ///
  /// - Throws: EBADF if the page or the eventfd is missing.
  public static func parts() throws(Errno) -> Parts {
    func open(_ number: Int) -> FileDescriptor? {
      let descriptor = FileDescriptor(rawValue: CInt(number))
      guard descriptor.isOpen else { return nil }
      _ = duct_set_inherited(descriptor.rawValue, false)
      return descriptor
    }
    guard let statusPage = open(status), let wakeEvent = open(wake) else { throw .badFileDescriptor }
    let files = stores.map { numbers -> OutputStores? in
      let stores = OutputStores(log: open(numbers[0]), spool: open(numbers[1]), memory: open(numbers[2]))
      return stores.files.contains { $0 != nil } ? stores : nil
    }
    let commandPipes = zip(pipes, transits).map { number, transit -> CommandPipe? in
      guard let reading = open(number) else { return nil }
      var pipe = CommandPipe(reading: reading, transit: nil)
      if let reading = open(transit.reading), let writing = open(transit.writing) {
        pipe.transit = CommandPipe.Transit(reading: reading, writing: writing)
      }
      return pipe
    }
    return Parts(
      pipes: commandPipes, stores: files, wake: wakeEvent,
      status: try RelayStatus(mapping: statusPage, copy: open(copy)), life: open(life), lock: open(lock),
      program: open(program))
  }
}
