import Glibc
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@Suite struct ProgramTests {
  private func shell(_ script: String) -> Program {
    Program(path: Array("/bin/sh".utf8), arguments: ["sh", "-c", script].map { Array($0.utf8) })
  }

  /// What a program prints on its standard output, and how it exits.
  private func output(_ program: Program) throws -> (text: String, exit: ChildExit) {
    let children = ChildProcesses(reaping: .byWaiters)
    let pipe = try FileDescriptor.closeOnExecPipe()
    defer { pipe.read.closeQuietly() }
    var program = program
    program.descriptors = [.inherited, .duplicate(of: pipe.write)] + program.descriptors.dropFirst(2)
    let pid = try children.start(program)
    pipe.write.closeQuietly()
    var bytes = [UInt8](repeating: 0, count: 65536)
    var text = ""
    while case let got = read(pipe.read.rawValue, &bytes, bytes.count), got > 0 {
      text += String(decoding: bytes[..<got], as: UTF8.self)
    }
    let exit = try #require(children.wait(for: pid, until: .now + 20))
    return (text, exit)
  }

  @Test func exitCodesAndSignals() throws {
    #expect(try output(shell("exit 7")).exit.cause == .exited(7))
    let killed = try output(shell("kill -9 $$")).exit
    #expect(killed.cause == .killed(signal: SIGKILL, coreDumped: false))
    #expect(killed.shellCode == 137)
  }

  @Test func argumentsAndEnvironmentAreBytes() throws {
    var program = Program(
      path: Array("printf".utf8), arguments: [Array("printf".utf8), Array("%s".utf8), [0xFF, 0x41]])
    program.searchesPath = true
    var echo = shell("printf %s \"$ODD\" | od -An -tx1 | tr -d ' \\n'")
    echo.environment = [Array("PATH=/bin:/usr/bin".utf8), Array("ODD=".utf8) + [0xFE, 0x42]]
    #expect(try output(echo).text == "fe42")
    _ = try output(program)
  }

  @Test func errorsOfExecutingAreThrown() {
    #expect(throws: Errno.noSuchFileOrDirectory) {
      try Program(path: Array("/no/such".utf8), arguments: [[0x61]]).start()
    }
    #expect(throws: Errno.permissionDenied) {
      try Program(path: Array("/etc/passwd".utf8), arguments: [[0x61]]).start()
    }
  }

  @Test func onlyTheGivenDescriptorsAreOpenWhereOthersAreClosed() throws {
    // Inheritable, as a shell's `5</dev/null` is.
    let extra = open("/dev/null", O_RDONLY)
    defer { close(extra) }
    let moved = fcntl(extra, F_DUPFD, 20)
    defer { close(moved) }
    var program = shell("ls /proc/$$/fd | tr '\\n' ' '")
    program.descriptors = [.inherited, .inherited, .inherited]
    #expect(try output(program).text.contains(" \(moved) "))
    program.closesOthers = true
    // Descriptors such as 10 may be the shell's own.
    #expect(!(try output(program).text.contains(" \(moved) ")))
  }

  @Test func sourcesMayBeNumbersThatAreTargetsToo() throws {
    let sandbox = try Sandbox()
    try sandbox.write("first", to: "a")
    try sandbox.write("second", to: "b")
    let first = try FileDescriptor.opening(sandbox["a"], .readOnly)
    let second = try FileDescriptor.opening(sandbox["b"], .readOnly)
    defer {
      first.closeQuietly()
      second.closeQuietly()
    }
    // If the numbers are like this, each source is the other's target.
    var program = shell("cat <&4; cat <&3")
    program.descriptors = [
      .inherited, .inherited, .inherited, .duplicate(of: first), .duplicate(of: second),
    ]
    #expect(try output(program).text == "secondfirst")
    program.descriptors.swapAt(3, 4)
    lseek(first.rawValue, 0, SEEK_SET)
    lseek(second.rawValue, 0, SEEK_SET)
    #expect(try output(program).text == "firstsecond")
  }

  @Test func theMaskIsHandedOn() throws {
    // Not with a shell, which clears its signal mask.
    var program = Program(
      path: Array("/bin/grep".utf8),
      arguments: ["grep", "SigBlk", "/proc/self/status"].map { Array($0.utf8) })
    program.signalMask = SignalSet([SIGUSR1])
    let text = try output(program).text
    #expect(text.hasSuffix("0000000000000200\n"))
  }

  @Test func aSessionOfItsOwn() throws {
    var program = shell("ps -o sid= -p $$ | tr -d ' '; echo $$")
    program.startsSession = true
    let lines = try output(program).text.split(separator: "\n")
    #expect(lines.count == 2 && lines[0] == lines[1])
  }
}

/// Whoever reaps all children of a process takes those of other tests too: hence the processes of their own.
@Suite struct ChildProcessesTests {
  @Test func aChildThatEndsBeforeAnyoneWaitsIsKept() async {
    await #expect(processExitsWith: .success) {
      let children = ChildProcesses(reaping: .byEventLoop)
      let pid = try children.start(
        Program(path: Array("/bin/true".utf8), arguments: [Array("true".utf8)]))
      var end = siginfo_t()
      #expect(waitid(P_PID, id_t(pid), &end, WEXITED | WNOWAIT) == 0)
      #expect(children.hasEnded(pid))
      #expect(children.reapEnded().contains { $0.pid == pid })
      #expect(children.wait(for: pid, until: .now)?.cause == .exited(0))
      // Forgotten: a pid that is used again must not be signalled.
      #expect(children.wait(for: pid, until: .now) == nil)
      #expect(!children.isKnown(pid))
    }
  }

  @Test func aChildThatNobodyWaitsForIsStillOurs() async {
    await #expect(processExitsWith: .success) {
      let children = ChildProcesses(reaping: .byEventLoop)
      let program = Program(path: Array("/bin/true".utf8), arguments: [Array("true".utf8)])
      let (ours, other) = (try children.start(program), try program.start())
      children.forget(ours)
      var end = siginfo_t()
      for pid in [ours, other] { #expect(waitid(P_PID, id_t(pid), &end, WEXITED | WNOWAIT) == 0) }
      #expect(children.isKnown(ours) && !children.isKnown(other))
      let ended = children.reapEnded()
      #expect(ended.first { $0.pid == ours }?.isAdopted == false)
      #expect(ended.first { $0.pid == other }?.isAdopted == true)
      // Its pid can be another's from now on.
      #expect(!children.isKnown(ours))
    }
  }

  @Test func whoIsKeptStaysAZombie() async {
    await #expect(processExitsWith: .success) {
      let children = ChildProcesses(reaping: .byEventLoop)
      let program = Program(path: Array("/bin/true".utf8), arguments: [Array("true".utf8)])
      let (first, kept, last) = (
        try children.start(program), try children.start(program), try children.start(program)
      )
      var end = siginfo_t()
      for pid in [first, kept, last] { #expect(waitid(P_PID, id_t(pid), &end, WEXITED | WNOWAIT) == 0) }
      let early = children.reapEnded(but: kept).map(\.pid)
      #expect(early.contains(first) && !early.contains(kept))
      #expect(children.hasEnded(kept))
      let late = children.reapEnded().map(\.pid)
      #expect(late.contains(kept) && (early + late).contains(last))
      #expect(children.isGone(kept))
    }
  }

  @Test func aDeadlineLeavesTheChildRunning() throws {
    let children = ChildProcesses(reaping: .byWaiters)
    let pid = try children.start(
      Program(path: Array("/bin/sleep".utf8), arguments: ["sleep", "60"].map { Array($0.utf8) }))
    #expect(children.wait(for: pid, until: .now + 0.02) == nil)
    children.signal(pid, SIGKILL)
    #expect(children.wait(for: pid, until: .now + 20)?.cause == .killed(signal: SIGKILL, coreDumped: false))
  }
}

@Suite struct ProgramRunnerTests {
  private func shell(_ script: String) -> Program {
    Program(path: Array("/bin/sh".utf8), arguments: ["sh", "-c", script].map { Array($0.utf8) })
  }

  /// Of what a program prints on stderr only the end is kept, however much it is.
  @Test func aFloodOnStandardErrorIsKeptInPart() throws {
    let runner = ProgramRunner(children: ChildProcesses(reaping: .byWaiters))
    let result = try runner.run(
      shell("head -c 20000000 /dev/zero >&2; echo last >&2; echo out"), outputLimit: 1000,
      until: .now + 60)
    #expect(result.exit == .exited(0) && result.output == Array("out\n".utf8))
    #expect(result.diagnostics.count <= 2000)
    #expect(result.diagnostics.suffix(5).elementsEqual("last\n".utf8))
  }

  /// A program that cannot be started for lack of descriptors leaves none open.
  @Test func aLackOfDescriptorsLeavesNoneBehind() async {
    await #expect(processExitsWith: .success) {
      // What the runner opens. The test library has descriptors of its own in this process, and opens more of them.
      func open() -> Int {
        (0..<64).count { number in
          let target = linkTarget(of: Array("/proc/self/fd/\(number)".utf8)) ?? []
          return target.starts(with: "pipe:".utf8) || target.starts(with: "anon_inode:[pidfd]".utf8)
        }
      }
      let runner = ProgramRunner(children: ChildProcesses(reaping: .byWaiters))
      let program = Program(path: Array("/bin/true".utf8), arguments: [Array("true".utf8)])
      let before = open()
      let highest = (0..<64).last { fcntl($0, F_GETFD) >= 0 } ?? 2
      for spare in 1...5 {
        var limit = rlimit(rlim_cur: rlim_t(highest + 1 + Int32(spare)), rlim_max: 64)
        #expect(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
        _ = try? runner.run(program, outputLimit: 1000, until: .now + 20)
        #expect(open() == before, "\(spare) to spare")
      }
    }
  }
}
