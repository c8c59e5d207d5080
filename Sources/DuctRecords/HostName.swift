import Glibc
internal import RecordText
internal import SystemCalls

/// The name of the host, with escaped bytes. From gethostname(2).
public func fullHostName() -> String {
  var buffer = [CChar](repeating: 0, count: 256)
  guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
  return String(escaping: bytes(ofCString: buffer))
}

/// The host's name up to the first dot.
public func hostName() -> String { String(fullHostName().prefix { $0 != "." }) }
