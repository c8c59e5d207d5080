import Glibc

/// How many descriptors this process may have open (RLIMIT_NOFILE); 0 if that is not known.
public var openFileLimit: Int {
  var limit = rlimit()
  guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
  return Int(clamping: limit.rlim_cur)
}
