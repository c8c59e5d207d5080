// duct-relay: keeps a command's pipes read into local files until their end.
//
// Started by duct, in a session of its own, with descriptors at fixed numbers (see RelayPlacement). It
// has no options: what it does not find open there, it does without.

import Glibc
import OutputRelay
import SystemCalls

// It ends at the end of the pipes, and at nothing else: not with the terminal, not with duct. A write
// beyond the user's file size limit shall fail, not kill.
for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ, SIGTSTP, SIGUSR1, SIGUSR2] {
  ignoreSignal(signal)
}

do {
  var loop = try RelayPlacement.loop()
  try loop.run()
} catch {
  exit(1)
}
