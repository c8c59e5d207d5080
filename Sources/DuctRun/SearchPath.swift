internal import SystemCalls

/// Whether a search path leads to an executable file of this name.
func isInPath(_ name: String, path: String?) -> Bool {
  file(named: Array(name.utf8), inSearchPath: path?.originalBytes) != nil
}
