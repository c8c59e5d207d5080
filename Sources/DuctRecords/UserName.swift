import Glibc
internal import SystemCalls

/// The name of the user: `$USER` or `$LOGNAME`, as in con-duct, otherwise from the user database, see
/// getpwuid(3).
public func userName(_ environment: [String: String]) -> String? {
  if let user = environment["USER"] ?? environment["LOGNAME"], !user.isEmpty { return user }
  return UserAccount(uid: getuid()).map { String(escaping: $0.name) }
}
