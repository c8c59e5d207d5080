// duct-relay [DUCT SPOOL]: keeps a command's pipes read into local files until their end.
//
// Where no pipe is captured it only waits for the end of duct and of the command.
//
// Started by duct, in a session of its own, with descriptors at fixed numbers (see RelayPlacement): what
// it does not find open there, it does without. If duct does not live to see the end of the pipes, it
// has DUCT finish the run's records from what is in the folder SPOOL.

import Glibc
import OutputRelay
import SystemCalls

// It ends at the end of the pipes, and at nothing else: not with the terminal, not with duct.
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
