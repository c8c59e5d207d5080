// duct-relay [DUCT SPOOL]: reads a command's pipes into local files until their end.
//
// If duct captures no pipe, the relay only waits until duct and the command have ended.
//
// duct starts the relay in a session of its own, with descriptors at fixed numbers (see RelayPlacement). The relay
// ignores any of these that is not open. If duct ends before the pipes do, the relay becomes `DUCT recover`, which
// finishes the run's records from the folder SPOOL.

import Glibc
import OutputRelay
import SystemCalls

/// A type with `@main`, because top-level code would run on the main actor: then the program would contain the runtime
/// of Swift's concurrency and a pool of threads, and set them up at each start.
@main
enum Relay {
  static func main() { run() }

  private static func run() {
    // Only the end of the pipes ends the relay. The end of the terminal or of duct does not.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP, SIGUSR1, SIGUSR2] {
      ignoreSignal(signal)
    }
    outliveFileSizeLimit()

    do {
      let parts = try RelayPlacement.parts()
      var loop = RelayLoop(
        pipes: parts.pipes, stores: parts.stores, wake: parts.wake, status: parts.status,
        life: parts.life)
      try loop.run()
      try loop.outlive()
      let arguments = processArguments.map { String(decoding: $0, as: UTF8.self) }
      if arguments.count == 3 { RecoveryHandOver(parts).perform(duct: arguments[1], spool: arguments[2]) }
    } catch {
      exit(1)
    }
  }
}
