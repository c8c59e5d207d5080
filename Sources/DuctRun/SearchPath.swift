internal import SystemCalls

/// Whether a program is found by its name.
func isInPath(_ name: String, path: String?) -> Bool {
  file(named: Array(name.utf8), inSearchPath: path?.originalBytes) != nil
}
