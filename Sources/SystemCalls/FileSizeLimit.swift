import Glibc

/// From now on a write beyond the user's limit for files (`ulimit -f`) fails with EFBIG, and kills no longer; and only
/// the hard limit holds. For processes of duct that write what is the user's: the command has its limit and its signal
/// as they were.
public func outliveFileSizeLimit() {
  ignoreSignal(SIGXFSZ)
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return }
  limit.rlim_cur = limit.rlim_max
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}
