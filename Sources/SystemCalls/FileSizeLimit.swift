import Glibc

/// Makes a write beyond the user's file size limit (`ulimit -f`) fail with EFBIG instead of killing this process
/// with SIGXFSZ, and raises the limit to the hard limit.
///
/// For duct's own processes that write the user's data. The command keeps its limit and its signal.
public func outliveFileSizeLimit() {
  ignoreSignal(SIGXFSZ)
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return }
  limit.rlim_cur = limit.rlim_max
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}
