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
  let path = String(escaping: linkTarget(of: Array("/proc/self/cwd".utf8)) ?? [])
  let mark = " (deleted)"
  return path.hasSuffix(mark) ? String(path.dropLast(mark.count)) : path
}
