import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Why the command did not start, as a shell words it.
struct LaunchFailure: Error, Sendable {
  /// 127 not found, 126 found and not executable.
  var exitCode: CInt
  var message: String
  /// No further process could be had; the command itself may be fine.
  var isLackOfProcesses = false

  init(exitCode: CInt, message: String) {
    self.exitCode = exitCode
    self.message = message
  }

  /// What kept `name` from being started.
  init(_ error: Errno, _ name: [UInt8]) {
    let shown = String(escaping: name).bounded()
    exitCode = 126
    message = "\(shown): \(error.description)"
    isLackOfProcesses = error == .resourceTemporarilyUnavailable || error == .noMemory
    let isPath = name.contains(UInt8(ascii: "/"))
    // PATH may lead through directories that the user may not enter: that is no file found either.
    let isHidden = error == .permissionDenied && !isPath && Self.resolve(name, F_OK) == nil
    guard error == .noSuchFileOrDirectory || isHidden else { return }
    exitCode = 127
    guard isPath else {
      message = "\(shown): command not found"
      return
    }
    // The kernel says the same of a script whose interpreter is missing.
    let exists = FilePath(bytes: name).withPlatformString { access($0, F_OK) } == 0
    if exists { message = "\(shown): its interpreter does not exist" }
  }

  /// The file that PATH leads to, of those that access(2) grants `mode` on.
  fileprivate static func resolve(_ name: [UInt8], _ mode: CInt) -> FilePath? {
    if name.contains(UInt8(ascii: "/")) { return FilePath(bytes: name) }
    return file(named: name, inSearchPath: getenv("PATH").map { bytes(ofCString: $0) }, granting: mode)
  }
}

/// Starts the command so that it finds everything as without duct: standard input, environment,
/// directory, limits, signal mask and dispositions, and the descriptors that duct itself was given.
struct CommandLauncher {
  var command: [[UInt8]]
  /// nil: duct's own.
  var environment: [[UInt8]]?
  /// Of descriptors 0, 1 and 2.
  var sources: [Program.Source]
  var startsSession: Bool
  /// The mask that duct itself was started with.
  var signalMask: SignalSet

  func start(_ children: ChildProcesses) throws(LaunchFailure) -> pid_t {
    guard let name = command.first else { throw LaunchFailure(exitCode: 127, message: "no command") }
    var program = Program(path: name, arguments: command)
    program.searchesPath = true
    program.environment = environment
    program.descriptors = sources
    program.startsSession = startsSession
    program.signalMask = signalMask
    do throws(Errno) {
      return try children.start(program)
    } catch {
      if error.rawValue == ENOEXEC { return try startScript(program, children) }
      throw LaunchFailure(error, name)
    }
  }

  /// A text file without `#!` is run by sh, as every shell and execvp(3) do.
  private func startScript(
    _ program: Program, _ children: ChildProcesses
  ) throws(LaunchFailure) -> pid_t {
    let shown = String(escaping: program.path).bounded()
    guard let path = LaunchFailure.resolve(program.path, X_OK), Self.looksLikeText(path) else {
      throw LaunchFailure(exitCode: 126, message: "\(shown): cannot execute binary file")
    }
    var shell = program
    shell.path = Array("/bin/sh".utf8)
    shell.arguments = [Array("/bin/sh".utf8), path.bytes] + command.dropFirst()
    do throws(Errno) {
      return try children.start(shell)
    } catch {
      throw LaunchFailure(error, program.path)
    }
  }

  /// Bash's test: no NUL in the first line.
  private static func looksLikeText(_ path: FilePath) -> Bool {
    guard let start = try? readAll(path, limit: 1) else { return false }
    return !start.prefix(80).prefix { $0 != UInt8(ascii: "\n") }.contains(0)
  }
}
