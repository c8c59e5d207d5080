import Glibc
internal import SystemCalls

/// getcwd(3), with escaped bytes. Of a directory that was removed: where it was. A relative path from nowhere would
/// lead to the root.
public func currentDirectory() -> String {
  guard let path = getcwd(nil, 0) else { return removedDirectory() }
  defer { free(path) }
  return String(escaping: bytes(ofCString: path))
}

private func removedDirectory() -> String {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
  let length = readlink("/proc/self/cwd", &buffer, buffer.count)
  let path = String(escaping: buffer.prefix(max(length, 0)).map { UInt8(bitPattern: $0) })
  let mark = " (deleted)"
  return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
}
