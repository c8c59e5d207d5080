internal import CSystemCalls

/// How much processor time there can be: the processors that a process may run on.
struct AllowedProcessors {
  private var mask = [UInt64](repeating: 0, count: 128)
  private var union = [UInt64](repeating: 0, count: 128)
  /// By a limit of the cgroup; nil without one.
  let quota: Double?

  init(quota: Double?) { self.quota = quota }

  /// Cores that any of the processes may use at the same time; at least `least`.
  mutating func cores(of pids: some Sequence<Int32>) -> Double {
    for index in union.indices { union[index] = 0 }
    for pid in pids {
      let got = mask.withUnsafeMutableBytes { duct_allowed_processors(pid, $0.baseAddress, $0.count) }
      guard got > 0 else { continue }
      for index in 0..<(Int(got) + 7) / 8 { union[index] |= mask[index] }
    }
    let count = Double(union.reduce(0) { $0 + $1.nonzeroBitCount })
    return max(min(count, quota ?? .infinity), 0)
  }
}
