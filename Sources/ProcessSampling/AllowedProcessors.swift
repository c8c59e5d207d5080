/// The cores that a group of processes may use at the same time.
struct AllowedProcessors {
  /// 8192 processors, the most that Linux supports.
  private static let maskWords = 8192 / UInt64.bitWidth

  private var mask = [UInt64](repeating: 0, count: maskWords)
  private var union = [UInt64](repeating: 0, count: maskWords)
  /// Cores that the cgroup allows; nil without a limit.
  let quota: Double?

  init(quota: Double?) { self.quota = quota }

  /// The number of processors that any of the processes may run on, but at most `quota`. 0 if not known.
  ///
  /// - Parameter pids: in duct's own pid namespace.
  mutating func cores(of pids: some Sequence<Int32>, _ files: ProcFiles) -> Double {
    for index in union.indices { union[index] = 0 }
    for pid in pids {
      let got = mask.withUnsafeMutableBytes { files.allowedProcessors(own: pid, into: $0) }
      let words = (got + MemoryLayout<UInt64>.size - 1) / MemoryLayout<UInt64>.size
      for index in 0..<words { union[index] |= mask[index] }
    }
    let count = Double(union.reduce(0) { $0 + $1.nonzeroBitCount })
    return min(count, quota ?? .infinity)
  }
}
