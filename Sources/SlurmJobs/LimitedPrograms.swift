import Glibc
internal import RecordText
public import SystemCalls
public import SystemPackage

/// Runs programs for what they print, each with a limit that is kept from outside.
///
/// What asks Slurm may end its process, hang, or print on stderr; here that costs one answer.
public struct LimitedPrograms: Sendable {
  /// Between SIGTERM and SIGKILL, in seconds.
  private static let grace = 0.5
  private static let largestOutput = 512 << 20
  private static let diagnosticsKept = 2000

  private let children: ChildProcesses
  private let signalMask: SignalSet
  private let running = Monitor<Set<pid_t>>([])

  /// - Parameter signalMask: what the programs shall have: the mask before duct blocked signals for itself.
  public init(children: ChildProcesses, signalMask: SignalSet = SignalSet()) {
    self.children = children
    self.signalMask = signalMask
  }

  public struct Result: Sendable {
    public var output: [UInt8]
    /// How it ended; nil if it had to be ended.
    public var exit: ChildExit.Cause?
    /// The last that it printed on stderr; nil for nothing.
    public var diagnostics: String?
  }

  /// Ends all that run.
  public func cancel() {
    running.withLock { for pid in $0 { children.signal(pid, SIGKILL, group: true) } }
  }

  /// Runs one program.
  ///
  /// - Parameters:
  ///   - arguments: with the name of the program first.
  ///   - environment: `NAME=value` entries; nil hands on this process's own.
  ///   - input: what it finds on its standard input, a socket that stays open.
  ///   - deadline: for everything from its start to the end of its output.
  /// - Throws: when it cannot be started.
  public func run(
    _ program: FilePath, _ arguments: [[UInt8]], environment: [[UInt8]]? = nil, input: [UInt8] = [],
    until deadline: MonotonicInstant
  ) throws(Errno) -> Result {
    let process = try start(program, arguments, environment)
    running.withLock { _ = $0.insert(process.pid) }
    defer {
      running.withLock { _ = $0.remove(process.pid) }
      process.input.closeQuietly()
      process.output.closeQuietly()
      process.errors.closeQuietly()
    }
    // The input fits into the socket's buffer unless it is very long.
    let exchange = Exchange(process, input: input, limit: Self.largestOutput)
    let isComplete = exchange.run(until: deadline)
    let exit = end(process.pid, isComplete: isComplete, deadline: deadline)
    return Result(
      output: exchange.output, exit: exit?.cause,
      diagnostics: exchange.diagnostics(atMost: Self.diagnosticsKept))
  }

  // MARK: The process

  fileprivate struct Process {
    var pid: pid_t
    var input: FileDescriptor
    var output: FileDescriptor
    var errors: FileDescriptor
  }

  private func start(
    _ program: FilePath, _ arguments: [[UInt8]], _ environment: [[UInt8]]?
  ) throws(Errno) -> Process {
    // A socket, so that writing to a program that has gone is an error and no SIGPIPE.
    let input = try FileDescriptor.closeOnExecSocketPair()
    let output = try FileDescriptor.closeOnExecPipe()
    let errors = try FileDescriptor.closeOnExecPipe()
    defer {
      input.0.closeQuietly()
      output.write.closeQuietly()
      errors.write.closeQuietly()
    }
    var start = Program(path: program.bytes, arguments: arguments)
    start.environment = environment
    start.descriptors = [
      .duplicate(of: input.0), .duplicate(of: output.write), .duplicate(of: errors.write),
    ]
    start.closesOthers = true
    // Away from the terminal: a key pressed there is not for it.
    start.startsSession = true
    start.signalMask = signalMask
    do throws(Errno) {
      let pid = try children.start(start)
      try input.1.setNonBlocking()
      return Process(pid: pid, input: input.1, output: output.read, errors: errors.read)
    } catch {
      input.1.closeQuietly()
      output.read.closeQuietly()
      errors.read.closeQuietly()
      throw error
    }
  }

  /// Ends the program if it has not ended itself, and reaps it.
  private func end(_ pid: pid_t, isComplete: Bool, deadline: MonotonicInstant) -> ChildExit? {
    if isComplete, let exit = children.wait(for: pid, until: deadline) { return exit }
    children.signal(pid, SIGTERM, group: true)
    if children.wait(for: pid, until: .now + Self.grace) != nil { return nil }
    children.signal(pid, SIGKILL, group: true)
    // A process in the kernel's hands (disk sleep) may outlive even this; its end is then nobody's.
    if children.wait(for: pid, until: .now + Self.grace) == nil { children.forget(pid) }
    return nil
  }
}

extension ChildExit.Cause {
  /// `exit code 3`, `signal SIGKILL`.
  public var words: String {
    switch self {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal, _): "signal \(signalName(signal))"
    }
  }
}

/// The exchange of input and output over a socket and two pipes.
private final class Exchange {
  private let process: LimitedPrograms.Process
  private var input: ArraySlice<UInt8>
  private let limit: Int
  private(set) var output: [UInt8] = []
  private var errors: [UInt8] = []
  private var outputIsOpen = true
  private var errorsAreOpen = true

  init(_ process: LimitedPrograms.Process, input: [UInt8], limit: Int) {
    self.process = process
    self.input = input[...]
    self.limit = limit
  }

  /// True once the program has closed its output.
  func run(until deadline: MonotonicInstant) -> Bool {
    while outputIsOpen {
      if deadline <= .now || output.count > limit { return false }
      let ready = try? poll(
        reading: [process.output, errorsAreOpen ? process.errors : nil],
        writing: input.isEmpty ? nil : process.input, until: deadline)
      guard let ready else { return false }
      if ready.count > 2, ready[2].isWritable { writeInput() }
      if ready[0].isReadable { outputIsOpen = read(process.output, into: &output) }
      if ready[1].isReadable { errorsAreOpen = read(process.errors, into: &errors) }
    }
    return true
  }

  private func writeInput() {
    let written = input.withUnsafeBytes {
      send(process.input.rawValue, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
    }
    if written > 0 {
      input = input.dropFirst(written)
    } else if written < 0, errno != EAGAIN, errno != EINTR {
      // It has gone: what it printed tells why.
      input = []
    }
  }

  private func read(_ descriptor: FileDescriptor, into bytes: inout [UInt8]) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let got = chunk.withUnsafeMutableBytes { Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count) }
    if got > 0 { bytes.append(contentsOf: chunk[..<got]) }
    return got > 0 || (got < 0 && errno == EINTR)
  }

  func diagnostics(atMost count: Int) -> String? {
    // What has been printed since, without waiting for more.
    while errorsAreOpen, (process.errors.bytesReadable ?? 0) > 0 {
      errorsAreOpen = read(process.errors, into: &errors)
    }
    return errors.isEmpty ? nil : String(escaping: errors.suffix(count))
  }
}
