import Glibc
internal import SystemCalls

/// $USER, as con-duct records it, else what the name service says.
public func userName(_ environment: [String: String]) -> String? {
  if let user = environment["USER"] ?? environment["LOGNAME"], !user.isEmpty { return user }
  return UserAccount(uid: getuid()).map { String(escaping: $0.name) }
}
