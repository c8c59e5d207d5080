import Glibc
internal import SystemCalls

/// The current directory, with escaped bytes. From getcwd(3).
///
/// If the directory was removed: the path that it had. Without it, relative paths would lead to the root.
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
