extension ProcFiles {
  /// The masks of signals that a process ignores, catches and blocks. Their names are of one length.
  private static let masks = ["SigIgn:", "SigCgt:", "SigBlk:"]

  /// Whether a process neither ignores nor catches nor blocks a signal, from its status file. False if it has ended.
  public func hasDefaultAction(_ pid: Int32, _ signal: Int32) -> Bool {
    guard let status = contents(.status, pid) else { return false }
    for line in String(decoding: status, as: UTF8.self).split(separator: "\n")
    where Self.masks.contains(String(line.prefix(7))) {
      let digits = line.dropFirst(7).filter { !$0.isWhitespace }
      if let mask = UInt64(digits, radix: 16), mask & (1 << UInt64(signal - 1)) != 0 { return false }
    }
    return true
  }
}
