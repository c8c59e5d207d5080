import Glibc
public import RecordText
public import Subprocess
import SystemCalls
public import SystemPackage

/// The programs of this build, which are in the same folder as the test program.
public enum Programs {
  public static let folder: FilePath = {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return FilePath(platformString: buffer).removingLastComponent()
  }()
  public static var duct: String { folder.appending("duct").string }
  /// The second name of duct, a symbolic link. Created here if `make test` has not done it.
  public static let conDuct: String = {
    let link = folder.appending("con-duct")
    _ = link.withPlatformString { symlink("duct", $0) }
    return link.string
  }()
  public static var relay: String { folder.appending("duct-relay").string }
  public static var slurmHelper: String { folder.appending("duct-slurm").string }

  // `folder` is .build/ARCHITECTURE/debug: /proc/self/exe contains no symbolic links.
  private static var build: FilePath { folder.removingLastComponent().removingLastComponent() }

  /// con-duct itself, from PyPI, as `make test` installs it.
  public static let yardstick = build.appending("yardstick/bin/con-duct").string

  /// axe-core, from a package of PyPI, as `make test` gets it.
  public static let axe = build.appending("axe/axe.min.js")
}

/// How a program ended, and what it printed.
public struct Finished: Sendable {
  public var code: Int32?
  public var signal: Int32?
  public var stdout: String
  public var stderr: String
  public var stdoutBytes: [UInt8]
}

/// A program did not end within its limit and was killed.
public struct TooLong: Error, CustomStringConvertible {
  public let description: String

  init(_ program: String, _ arguments: [String], _ limit: Double, _ stderr: String) {
    let command = "\(program) \(arguments)".prefix(1000)
    description = "\(command) had not ended after \(limit) s; it had written: \(stderr.suffix(1000))"
  }
}

/// Runs a program to its end.
///
/// - Parameters:
///   - environment: changes to the test's own environment; nil removes a variable.
///   - limit: seconds. Then the program is killed and the test fails.
///   - body: called while the program runs, with its process id.
public func run(
  _ program: String, _ arguments: [String], in sandbox: Sandbox, folder: String = "",
  environment: [String: String?] = [:], input: String = "", limit: Double = 60,
  while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
) async throws -> Finished {
  let executable: Executable = program.contains("/") ? .path(FilePath(program)) : .name(program)
  let changes = environmentChanges(cleanEnvironment, sandbox.environment, environment)
  let directory = folder.isEmpty ? sandbox.path : sandbox[folder]
  let stdin = try pipe(holding: input)
  let isTooLong = Monitor(false)
  return try await withThrowingTaskGroup(of: Finished?.self) { group in
    group.addTask {
      let result = try await Subprocess.run(
        executable, arguments: Arguments(arguments), environment: .inherit.updating(changes),
        workingDirectory: directory,
        input: .fileDescriptor(stdin, closeAfterSpawningProcess: true), output: .bytes(limit: 256 << 20),
        error: .bytes(limit: 256 << 20)
      ) { execution in
        try await body(pid_t(execution.processIdentifier.value))
      }
      return Finished(result.terminationStatus, result.standardOutput, result.standardError)
    }
    group.addTask {
      try await Task.sleep(for: .seconds(limit))
      // Before the program is killed: its end may be seen first, and is not its own.
      isTooLong.update { $0 = true }
      sandbox.killProcesses()
      return nil
    }
    let first = try await group.next()
    if isTooLong.withLock({ $0 }) {
      let second = try? await group.next()
      let stderr = (first.flatMap(\.self) ?? second.flatMap(\.self))?.stderr ?? ""
      throw TooLong(program, arguments, limit, stderr)
    }
    group.cancelAll()
    guard let finished = first.flatMap(\.self) else { throw CancellationError() }
    return finished
  }
}

/// The last of the changes to a variable counts.
private func environmentChanges(_ changes: [String: String?]...) -> [Environment.Key: String?] {
  let all = changes.reduce(into: [:]) { all, more in all.merge(more) { $1 } }
  return Dictionary(uniqueKeysWithValues: all.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
}

/// A pipe that contains a text and then ends. The text is written while this process still has the reading end: if
/// a program ended without reading it, a later write would raise SIGPIPE and kill the tests.
private func pipe(holding text: String) throws -> FileDescriptor {
  let pipe = try FileDescriptor.closeOnExecPipe()
  defer { pipe.write.closeQuietly() }
  // Nobody reads yet, so the pipe must hold all of it. 1 MiB is the most that every user may have.
  let setPipeSize: CInt = 1031  // F_SETPIPE_SZ
  _ = try valueOrErrno { fcntl(pipe.write.rawValue, setPipeSize, 1 << 20) }
  precondition(text.utf8.count <= 1 << 20, "a test gives a program more input than a pipe holds")
  try pipe.write.writeAll(Array(text.utf8))
  return pipe.read
}

/// Removes a developer's own settings from the environment of tests. Keeps the variable of run-tests, by which it
/// finds the processes that a crashed test has left.
private let cleanEnvironment: [String: String?] = {
  var changes: [String: String?] = ["DUCT_CONFIG_PATHS": "/nonexistent"]
  for entry in environmentEntries() {
    let name = String(escaping: entry.prefix { $0 != UInt8(ascii: "=") })
    let isASetting = name.hasPrefix("DUCT_") && name != "DUCT_TEST_RUN"
    if isASetting || name.hasSuffix("_WCKEY") { changes[name] = .some(nil) }
  }
  changes["DUCT_CONFIG_PATHS"] = "/nonexistent"
  return changes
}()

extension Finished {
  init(_ status: TerminationStatus, _ stdout: [UInt8], _ stderr: [UInt8]) {
    switch status {
    case .exited(let code): self.code = code
    case .signaled(let signal): self.signal = signal
    }
    stdoutBytes = stdout
    self.stdout = String(decoding: stdout, as: UTF8.self)
    self.stderr = String(decoding: stderr, as: UTF8.self)
  }
}

/// Runs duct with the prefix `log_` in the sandbox.
public func duct(
  _ arguments: [String], in sandbox: Sandbox, folder: String = "",
  environment: [String: String?] = [:], input: String = "", limit: Double = 60,
  while body: @escaping @Sendable (pid_t) async throws -> Void = { _ in }
) async throws -> Finished {
  try await run(
    Programs.duct, arguments, in: sandbox, folder: folder,
    environment: ["DUCT_OUTPUT_PREFIX": "log_"].merging(environment) { $1 }, input: input, limit: limit,
    while: body)
}

/// A condition did not become true in time.
public struct NotInTime: Error, CustomStringConvertible {
  public var description: String
}

/// Waits until a condition is true, and checks it every 10 ms. An error counts as not true, for example a missing
/// file or an incomplete line in it.
///
/// - Throws: `NotInTime` after `seconds`, with the last error.
public func eventually(
  _ seconds: Double = 20, line: Int = #line, _ condition: () async throws -> Bool
) async throws {
  let deadline = MonotonicInstant.now + seconds
  var problem = ""
  while true {
    do {
      if try await condition() { return }
      problem = ""
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      problem = ": \(error)"
    }
    if deadline < .now {
      throw NotInTime(description: "line \(line): not true within \(seconds) s\(problem)")
    }
    try await Task.sleep(for: .milliseconds(10))
  }
}

extension Sandbox {
  /// info.json of the run with the prefix `log_`.
  public func info(_ name: String = "log_info.json") throws -> JSONValue {
    try JSONParser.parse(bytes(name))
  }

  /// The lines of usage.jsonl of that run.
  public func usage(_ name: String = "log_usage.jsonl") throws -> [JSONValue] {
    try bytes(name).split(separator: UInt8(ascii: "\n")).map { try JSONParser.parse(Array($0)) }
  }
}
