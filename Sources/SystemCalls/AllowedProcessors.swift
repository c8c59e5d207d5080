internal import CSystemCalls
import Glibc

/// How many processors this process may run on: those of its affinity, which in a job of Slurm are fewer than the host
/// has. The host's, if that is not known.
public func allowedProcessors() -> Int {
  // The kernel wants room for all processors that it could have, at most 8,192.
  var mask = [UInt8](repeating: 0, count: 1024)
  let length = mask.withUnsafeMutableBytes { duct_allowed_processors(0, $0.baseAddress, $0.count) }
  let count = mask.prefix(max(Int(length), 0)).reduce(0) { $0 + $1.nonzeroBitCount }
  return count > 0 ? count : max(sysconf(CInt(_SC_NPROCESSORS_ONLN)), 1)
}
