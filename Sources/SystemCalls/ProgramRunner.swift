import Glibc
public import SystemPackage

/// Runs programs for their output. This process enforces a time limit and an output limit on each.
///
/// A program may exit, hang, or print to stderr. Then only its answer is missing.
public struct ProgramRunner: Sendable {
  /// Seconds between SIGTERM and SIGKILL.
  private static let grace = 0.5
  private static let diagnosticsKept = 2000

  private let children: ChildProcesses
  private let running = Monitor<Set<pid_t>>([])

  public init(children: ChildProcesses) { self.children = children }

  public struct Result: Sendable {
    /// The bytes that the program wrote to stdout.
    public var output: [UInt8]
    /// How it ended; nil if it exceeded a limit and was killed.
    public var exit: ChildExit.Cause?
    /// The last bytes that it wrote to stderr.
    public var diagnostics: [UInt8]
  }

  /// Kills all running programs.
  public func cancel() {
    running.withLock { for pid in $0 { children.signal(pid, SIGKILL, group: true) } }
  }

  /// Runs one program in a session of its own, with no descriptors except 0, 1 and 2.
  ///
  /// - Parameters:
  ///   - program: this call sets its `descriptors`, `closesOthers` and `startsSession`.
  ///   - input: bytes for its stdin, which is a socket that stays open after them.
  ///   - outputLimit: bytes. A program that writes more is killed.
  ///   - deadline: covers everything from the start of the program to its exit.
  /// - Throws: the error of creating the pipes or of starting the program.
  public func run(
    _ program: Program, input: [UInt8] = [], outputLimit: Int, until deadline: MonotonicInstant
  ) throws(Errno) -> Result {
    let process = try start(program)
    running.withLock { _ = $0.insert(process.pid) }
    defer {
      running.withLock { _ = $0.remove(process.pid) }
      process.input.closeQuietly()
      process.output.closeQuietly()
      process.errors.closeQuietly()
    }
    // A short input fits into the socket's buffer. A longer one is written as the program reads it.
    let exchange = Exchange(process, input: input, limit: outputLimit)
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

  private func start(_ program: Program) throws(Errno) -> Process {
    var opened: [FileDescriptor] = []
    do throws(Errno) {
      // A socket, so that writing to a program that has ended fails and does not raise SIGPIPE.
      let input = try FileDescriptor.closeOnExecSocketPair()
      opened += [input.0, input.1]
      try input.1.setNonBlocking()
      let output = try FileDescriptor.closeOnExecPipe()
      opened += [output.read, output.write]
      let errors = try FileDescriptor.closeOnExecPipe()
      opened += [errors.read, errors.write]
      var program = program
      program.descriptors = [
        .duplicate(of: input.0), .duplicate(of: output.write), .duplicate(of: errors.write),
      ]
      program.closesOthers = true
      // Detaches the program from the terminal, so that keys pressed there do not signal it.
      program.startsSession = true
      let pid = try children.start(program)
      for end in [input.0, output.write, errors.write] { end.closeQuietly() }
      return Process(pid: pid, input: input.1, output: output.read, errors: errors.read)
    } catch {
      for descriptor in opened { descriptor.closeQuietly() }
      throw error
    }
  }

  /// Waits for the program to exit. Kills it if its output is incomplete or the deadline passes. Reaps it.
  private func end(_ pid: pid_t, isComplete: Bool, deadline: MonotonicInstant) -> ChildExit? {
    if isComplete, let exit = children.wait(for: pid, until: deadline) { return exit }
    children.signal(pid, SIGTERM, group: true)
    if children.wait(for: pid, until: .now + Self.grace) != nil { return nil }
    children.signal(pid, SIGKILL, group: true)
    // A process in uninterruptible sleep may outlive even SIGKILL. Then do not wait for it any longer.
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

/// Exchanges input and output with a program, over a socket and two pipes.
private final class Exchange {
  private let process: ProgramRunner.Process
  private var input: ArraySlice<UInt8>
  private let limit: Int
  private(set) var output: [UInt8] = []
  private var errors: [UInt8] = []
  private var outputIsOpen = true
  private var errorsAreOpen = true

  init(_ process: ProgramRunner.Process, input: [UInt8], limit: Int) {
    self.process = process
    self.input = input[...]
    self.limit = limit
  }

  /// Returns true once the program has closed its output; false at the deadline or if its output is too long.
  func run(until deadline: MonotonicInstant) -> Bool {
    while outputIsOpen {
      if deadline <= .now || output.count > limit { return false }
      let ready = try? poll(
        reading: [process.output, errorsAreOpen ? process.errors : nil],
        writing: input.isEmpty ? nil : process.input, until: deadline)
      guard let ready else { return false }
      if ready.count > 2, ready[2].isWritable { writeInput() }
      if ready[0].isReadable { outputIsOpen = read(process.output, into: &output) }
      if ready[1].isReadable { readErrors() }
    }
    return true
  }

  /// Keeps only the end of what the program prints on stderr, however much that is.
  private func readErrors() {
    errorsAreOpen = read(process.errors, into: &errors)
    if errors.count > 2 * Self.mostErrors { errors.removeFirst(errors.count - Self.mostErrors) }
  }

  private static let mostErrors = 64 << 10

  private func writeInput() {
    let written = input.withUnsafeBytes {
      send(process.input.rawValue, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
    }
    if written > 0 {
      input = input.dropFirst(written)
    } else if written < 0, errno != EAGAIN, errno != EINTR {
      // The program has ended or has closed its stdin. Its output shows why.
      input = []
    }
  }

  private func read(_ descriptor: FileDescriptor, into bytes: inout [UInt8]) -> Bool {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let got = chunk.withUnsafeMutableBytes { Glibc.read(descriptor.rawValue, $0.baseAddress, $0.count) }
    if got > 0 { bytes.append(contentsOf: chunk[..<got]) }
    return got > 0 || (got < 0 && errno == EINTR)
  }

  func diagnostics(atMost count: Int) -> [UInt8] {
    // Read what the pipe contains, without waiting for more. A process that outlives the program may fill it for ever.
    var left = process.errors.bytesReadable ?? 0
    while errorsAreOpen, left > 0 {
      let now = process.errors.bytesReadable ?? 0
      if now == 0 { break }
      readErrors()
      left -= now
    }
    return Array(errors.suffix(count))
  }
}
