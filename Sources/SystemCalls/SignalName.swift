import Glibc

/// The name of a signal without SIG, such as `KILL`; its number as text if it has no name.
public func signalName(_ number: CInt) -> String {
  let names: [CInt: String] = [
    SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGILL: "ILL", SIGTRAP: "TRAP",
    SIGABRT: "ABRT", SIGBUS: "BUS", SIGFPE: "FPE", SIGKILL: "KILL", SIGUSR1: "USR1",
    SIGSEGV: "SEGV", SIGUSR2: "USR2", SIGPIPE: "PIPE", SIGALRM: "ALRM", SIGTERM: "TERM",
    SIGCHLD: "CHLD", SIGCONT: "CONT", SIGSTOP: "STOP", SIGTSTP: "TSTP", SIGTTIN: "TTIN",
    SIGTTOU: "TTOU", SIGXCPU: "XCPU", SIGXFSZ: "XFSZ", SIGWINCH: "WINCH",
    SIGVTALRM: "VTALRM", SIGPROF: "PROF", SIGIO: "IO", SIGPWR: "PWR", SIGSYS: "SYS", SIGURG: "URG",
    SIGSTKFLT: "STKFLT",
  ]
  return names[number] ?? "\(number)"
}
