import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// Why the command did not start, as a shell words it.
struct LaunchFailure: Error, Sendable {
  /// 127 not found, 126 found and not executable.
  var exitCode: CInt
  var message: String
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
      throw Self.failure(error, name)
    }
  }

  /// A text file without `#!` is run by sh, as every shell and execvp(3) do.
  private func startScript(
    _ program: Program, _ children: ChildProcesses
  ) throws(LaunchFailure) -> pid_t {
    let shown = String(escaping: program.path)
    guard let path = Self.resolve(program.path), Self.looksLikeText(path) else {
      throw LaunchFailure(exitCode: 126, message: "\(shown): cannot execute binary file")
    }
    var shell = program
    shell.path = Array("/bin/sh".utf8)
    shell.arguments = [Array("/bin/sh".utf8), path.bytes] + command.dropFirst()
    do throws(Errno) {
      return try children.start(shell)
    } catch {
      throw Self.failure(error, program.path)
    }
  }

  private static func failure(_ error: Errno, _ name: [UInt8]) -> LaunchFailure {
    let shown = String(escaping: name)
    guard error == .noSuchFileOrDirectory else {
      return LaunchFailure(exitCode: 126, message: "\(shown): \(error.description)")
    }
    if !name.contains(UInt8(ascii: "/")) {
      return LaunchFailure(exitCode: 127, message: "\(shown): command not found")
    }
    let exists = FilePath(bytes: name).withPlatformString { access($0, F_OK) } == 0
    // The kernel says the same of a script whose interpreter is missing.
    let reason = exists ? "its interpreter does not exist" : error.description
    return LaunchFailure(exitCode: 127, message: "\(shown): \(reason)")
  }

  /// The file that PATH leads to.
  private static func resolve(_ name: [UInt8]) -> FilePath? {
    if name.contains(UInt8(ascii: "/")) { return FilePath(bytes: name) }
    let search = getenv("PATH").map { bytes(ofCString: $0) } ?? Array("/bin:/usr/bin".utf8)
    for directory in search.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      let path = FilePath(
        bytes: (directory.isEmpty ? [UInt8(ascii: ".")] : Array(directory)) + [UInt8(ascii: "/")] + name)
      if path.withPlatformString({ access($0, X_OK) }) == 0 { return path }
    }
    return nil
  }

  /// Bash's test: no NUL in the first line.
  private static func looksLikeText(_ path: FilePath) -> Bool {
    guard let start = try? readAll(path, limit: 1) else { return false }
    return !start.prefix(80).prefix { $0 != UInt8(ascii: "\n") }.contains(0)
  }
}
