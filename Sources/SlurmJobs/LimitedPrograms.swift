import Glibc
internal import RecordText
public import SystemCalls
public import SystemPackage

/// Runs programs for their output, each with a time limit that this process enforces.
///
/// A program that asks Slurm may exit, hang, or print to stderr. Here, that costs only one answer.
public struct LimitedPrograms: Sendable {
  /// Seconds between SIGTERM and SIGKILL.
  private static let grace = 0.5
  private static let largestOutput = 512 << 20
  private static let diagnosticsKept = 2000

  private let children: ChildProcesses
  private let signalMask: SignalSet
  private let running = Monitor<Set<pid_t>>([])

  /// - Parameter signalMask: the mask for the programs: the one from before duct blocked signals for itself.
  public init(children: ChildProcesses, signalMask: SignalSet = SignalSet()) {
    self.children = children
    self.signalMask = signalMask
  }

  public struct Result: Sendable {
    public var output: [UInt8]
    /// How it ended; nil if it was killed because of a limit.
    public var exit: ChildExit.Cause?
    /// The end of its output on stderr; nil if it printed nothing there.
    public var diagnostics: String?
  }

  /// Kills all running programs.
  public func cancel() {
    running.withLock { for pid in $0 { children.signal(pid, SIGKILL, group: true) } }
  }

  /// Runs one program.
  ///
  /// - Parameters:
  ///   - arguments: argv; the first entry is the name of the program.
  ///   - environment: `NAME=value` entries; nil passes on the environment of this process.
  ///   - input: bytes for its standard input, a socket that stays open after them.
  ///   - deadline: covers everything from the start of the program to its exit.
  /// - Throws: if the program cannot be started.
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
    // A short input fits into the socket's buffer; a long one is written as the program reads it.
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
    // A socket, so that a write to a program that has ended fails instead of raising SIGPIPE.
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
    // Detaches it from the terminal, so that a key pressed there does not signal it.
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

  /// Kills the program unless it ends by itself before the deadline, and reaps it.
  private func end(_ pid: pid_t, isComplete: Bool, deadline: MonotonicInstant) -> ChildExit? {
    if isComplete, let exit = children.wait(for: pid, until: deadline) { return exit }
    children.signal(pid, SIGTERM, group: true)
    if children.wait(for: pid, until: .now + Self.grace) != nil { return nil }
    children.signal(pid, SIGKILL, group: true)
    // A process in uninterruptible sleep may outlive even SIGKILL; then nothing waits for it.
    if children.wait(for: pid, until: .now + Self.grace) == nil { children.forget(pid) }
    return nil
  }
}

extension ChildExit.Cause {
  /// How the program ended, such as `exit code 3` or `signal KILL`.
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

  /// Returns true once the program has closed its output, false at the deadline or if its output is too long.
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
      // The program has ended: its output tells why.
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
    // Reads what the pipe holds, without waiting for more.
    while errorsAreOpen, (process.errors.bytesReadable ?? 0) > 0 {
      errorsAreOpen = read(process.errors, into: &errors)
    }
    return errors.isEmpty ? nil : String(escaping: errors.suffix(count))
  }
}
