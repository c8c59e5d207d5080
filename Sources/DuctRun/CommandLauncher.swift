import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Why the command did not start, with the exit code and the message that a shell would use.
struct LaunchFailure: Error, Sendable {
  /// 127: not found. 126: found, but it could not be executed.
  var exitCode: CInt
  var message: String
  /// The kernel could not create another process (EAGAIN, ENOMEM). The command itself may be fine.
  var isLackOfProcesses = false

  init(exitCode: CInt, message: String) {
    self.exitCode = exitCode
    self.message = message
  }

  /// Describes the error of an attempt to start `name`.
  init(_ error: Errno, _ name: [UInt8]) {
    let shown = String(escaping: name).bounded()
    exitCode = 126
    message = "\(shown): \(error.description)"
    isLackOfProcesses = error == .resourceTemporarilyUnavailable || error == .noMemory
    let isPath = name.contains(UInt8(ascii: "/"))
    // If PATH contains directories that the user may not search, execve(2) reports EACCES even if no directory has
    // the file. That also counts as not found.
    let isHidden = error == .permissionDenied && !isPath && Self.resolve(name, F_OK) == nil
    guard error == .noSuchFileOrDirectory || isHidden else { return }
    exitCode = 127
    guard isPath else {
      message = "\(shown): command not found"
      return
    }
    // The kernel also returns ENOENT for a script whose interpreter does not exist.
    let exists = FilePath(bytes: name).withPlatformString { access($0, F_OK) } == 0
    if exists { message = "\(shown): its interpreter does not exist" }
  }

  /// The first file of that name in PATH for which access(2) grants `mode`. A name with a slash is a path already.
  fileprivate static func resolve(_ name: [UInt8], _ mode: CInt) -> FilePath? {
    if name.contains(UInt8(ascii: "/")) { return FilePath(bytes: name) }
    return file(named: name, inSearchPath: getenv("PATH").map { bytes(ofCString: $0) }, granting: mode)
  }
}

/// Starts the command in the same conditions as without duct: standard input, environment, directory, limits,
/// signal mask and dispositions, and the descriptors that duct itself inherited.
struct CommandLauncher {
  var command: [[UInt8]]
  /// Nil: duct's own environment.
  var environment: [[UInt8]]?
  /// The sources of descriptors 0, 1 and 2.
  var sources: [Program.Source]
  var startsSession: Bool
  /// The signal mask that duct itself was started with.
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

  /// Runs a text file without `#!` with sh, as every shell and execvp(3) do.
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

  /// Applies bash's test: the first line, up to 80 bytes, contains no NUL.
  private static func looksLikeText(_ path: FilePath) -> Bool {
    guard let start = try? readAll(path, limit: 1) else { return false }
    return !start.prefix(80).prefix { $0 != UInt8(ascii: "\n") }.contains(0)
  }
}
