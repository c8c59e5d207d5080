public import Logging
internal import SystemCalls
public import SystemPackage

/// What a process uses of all GPUs together.
public struct GPUUse: Sendable, Equatable {
  /// Bytes; nil if the driver does not report them.
  var memoryBytes: UInt64?
  /// Percent of one GPU since the previous reading; nil if the driver does not report it.
  var percent: Double?
}

/// Reads the use of the GPUs at an interval, on a thread of its own, because calls of NVML can take long.
public final class GPUMonitor: Sendable {
  private let use = Monitor<[Int32: GPUUse]>([:])
  private let stop = Monitor(false)

  /// Starts the thread. Without a working NVML the thread logs that for debugging, and ends.
  ///
  /// - Parameter interval: seconds between two readings.
  /// - Throws: if the thread cannot be started.
  public init(interval: Double, log: Logger) throws(Errno) {
    let (use, stop) = (self.use, self.stop)
    _ = try OwnThread("duct nvml", stackSize: 1 << 20) {
      let library: ManagementLibrary
      do throws(Problem) { library = try ManagementLibrary() } catch {
        // Expected on a login node that has nvidia-smi but no GPU.
        log.debug("Use of GPUs is not recorded: \(error.description)")
        return
      }
      var since = [UInt64](repeating: 0, count: library.devices.count)
      repeat {
        let now = library.read(since: &since)
        use.update { $0 = now }
      } while stop.wait(until: .now + interval, for: { $0 ? true : nil }) == nil
      library.close()
    }
  }

  /// The last reading, by pid. NVML reports pids of the host.
  public var snapshot: [Int32: GPUUse] { use.withLock { $0 } }

  /// Asks the thread to end. Does not wait for it.
  public func end() { stop.update { $0 = true } }
}
