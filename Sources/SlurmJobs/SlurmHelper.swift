import Glibc
internal import RecordText
public import SystemCalls
public import SystemPackage

/// Asks Slurm through `duct-slurm`, a process a question, each with a limit that is kept from outside.
///
/// libslurm may end its process, hang, or print on stderr; here that costs one answer.
public struct SlurmHelper: Sendable {
  /// Between SIGTERM and SIGKILL, in seconds.
  private static let grace = 0.5
  private static let largestAnswer = 512 << 20
  private static let diagnosticsKept = 2000

  let program: FilePath
  private let children: ChildProcesses
  private let signalMask: SignalSet
  private let running = Monitor<Set<pid_t>>([])

  /// - Parameters:
  ///   - program: the path of `duct-slurm`.
  ///   - signalMask: what the helper shall have: the mask before duct blocked signals for itself.
  public init(program: FilePath, children: ChildProcesses, signalMask: SignalSet = SignalSet()) {
    self.program = program
    self.children = children
    self.signalMask = signalMask
  }

  /// Ends the questions that are being asked: they fail at once.
  public func cancel() {
    running.withLock { for pid in $0 { children.signal(pid, SIGKILL, group: true) } }
  }

  /// One question.
  ///
  /// - Parameter limit: seconds, for everything from its start to the end of its answer.
  /// - Throws: also when Slurm itself answered with an error.
  public func ask(_ request: SlurmRequest, limit: Double) throws(SlurmFailure) -> SlurmAnswer {
    let deadline = MonotonicInstant.now + limit
    let process = try start()
    running.withLock { _ = $0.insert(process.pid) }
    defer {
      running.withLock { _ = $0.remove(process.pid) }
      process.input.closeQuietly()
      process.output.closeQuietly()
      process.errors.closeQuietly()
    }
    let question: [UInt8]
    do { question = try RecordEncoder().line(SlurmQuestion(request, limit: limit)) } catch {
      throw SlurmFailure(.rubbish, "cannot encode the request: \(error)")
    }
    // A request fits into the pipe's buffer unless it names thousands of jobs.
    let exchange = Exchange(process, question: question, limit: Self.largestAnswer)
    let isComplete = exchange.run(until: deadline)
    let exit = end(process.pid, isComplete: isComplete, deadline: deadline)
    let diagnostics = exchange.diagnostics(atMost: Self.diagnosticsKept)
    guard isComplete, let exit else {
      throw SlurmFailure(
        .timeout, "no answer to \(request.name) within \(fixed(limit, decimals: 1)) s",
        diagnostics: diagnostics)
    }
    return try answer(exchange.output, exit, request, diagnostics)
  }

  private func answer(
    _ output: [UInt8], _ exit: ChildExit, _ request: SlurmRequest, _ diagnostics: String?
  ) throws(SlurmFailure) -> SlurmAnswer {
    if output.isEmpty || exit.cause != .exited(0) {
      // libslurm's fatal() is exit(1): it finds no usable configuration.
      let isFatal = exit.cause == .exited(1) && diagnostics?.contains("fatal") == true
      throw SlurmFailure(
        isFatal ? .noConfiguration : .helperDied,
        "\(program) ended with \(describe(exit.cause)) and without an answer to \(request.name)",
        diagnostics: diagnostics)
    }
    do {
      var answer = try RecordDecoder().decode(SlurmAnswer.self, from: output)
      if var failure = answer.failure {
        if failure.diagnostics == nil { failure.diagnostics = diagnostics }
        answer.failure = nil
        throw failure
      }
      return answer
    } catch let failure as SlurmFailure {
      throw failure
    } catch {
      throw SlurmFailure(
        .rubbish, "\(program) printed no valid answer to \(request.name): \(error)",
        diagnostics: diagnostics)
    }
  }

  private func describe(_ cause: ChildExit.Cause) -> String {
    switch cause {
    case .exited(let code): "exit code \(code)"
    case .killed(let signal, _): "signal \(signalName(signal))"
    }
  }

  // MARK: The process

  struct Process {
    var pid: pid_t
    var input: FileDescriptor
    var output: FileDescriptor
    var errors: FileDescriptor
  }

  private func start() throws(SlurmFailure) -> Process {
    do throws(Errno) {
      // A socket, so that writing to a helper that has gone is an error and no SIGPIPE.
      let input = try FileDescriptor.closeOnExecSocketPair()
      let output = try FileDescriptor.closeOnExecPipe()
      let errors = try FileDescriptor.closeOnExecPipe()
      defer {
        input.0.closeQuietly()
        output.write.closeQuietly()
        errors.write.closeQuietly()
      }
      let path = program.bytes
      var start = Program(path: path, arguments: [path])
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
    } catch {
      throw SlurmFailure(.noHelper, "cannot start \(program): \(error.description) (\(error.name))")
    }
  }

  /// Ends the helper if it has not ended itself, and reaps it.
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

/// The exchange of question and answer over three pipes.
private final class Exchange {
  private let process: SlurmHelper.Process
  private var question: ArraySlice<UInt8>
  private let limit: Int
  private(set) var output: [UInt8] = []
  private var errors: [UInt8] = []
  private var outputIsOpen = true
  private var errorsAreOpen = true

  init(_ process: SlurmHelper.Process, question: [UInt8], limit: Int) {
    self.process = process
    self.question = question[...]
    self.limit = limit
  }

  /// True once the helper has closed its output.
  func run(until deadline: MonotonicInstant) -> Bool {
    while outputIsOpen {
      if deadline <= .now || output.count > limit { return false }
      let ready = try? poll(
        reading: [process.output, errorsAreOpen ? process.errors : nil],
        writing: question.isEmpty ? nil : process.input, until: deadline)
      guard let ready else { return false }
      if ready.count > 2, ready[2].isWritable { writeQuestion() }
      if ready[0].isReadable { outputIsOpen = read(process.output, into: &output) }
      if ready[1].isReadable { errorsAreOpen = read(process.errors, into: &errors) }
    }
    return true
  }

  private func writeQuestion() {
    let written = question.withUnsafeBytes {
      send(process.input.rawValue, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
    }
    if written > 0 {
      question = question.dropFirst(written)
    } else if written < 0, errno != EAGAIN, errno != EINTR {
      // It has gone: what it printed tells why.
      question = []
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
