import Glibc
public import Logging
internal import SystemCalls
public import SystemPackage

/// What a process uses of the GPUs, over all of them.
public struct GPUUse: Sendable, Equatable {
  /// Bytes; nil where the driver does not tell.
  var memoryBytes: UInt64?
  /// Percent of one GPU, over the time since the last reading.
  var percent: Double?
}

/// Asks NVML, on a thread of its own: its calls can take long. Absent where there is no NVML.
public final class GPUMonitor: Sendable {
  private let use = Monitor<[Int32: GPUUse]>([:])
  private let stop = Monitor(false)

  /// - Parameter interval: seconds between two readings.
  public init(interval: Double, log: Logger) throws(Errno) {
    let (use, stop) = (self.use, self.stop)
    _ = try OwnThread("duct nvml", stackSize: 1 << 20) {
      let library: ManagementLibrary
      do throws(ManagementLibrary.Problem) { library = try ManagementLibrary() } catch {
        // As on a login node whose nvidia-smi is there for nothing.
        log.debug("Use of GPUs is not recorded: \(error.text)")
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

  /// As it was read last.
  public var snapshot: [Int32: GPUUse] { use.withLock { $0 } }

  public func end() { stop.update { $0 = true } }
}

/// libnvidia-ml.so.1, loaded at run time. See the NVML API reference.
private struct ManagementLibrary {
  typealias Device = OpaquePointer
  private typealias Plain = @convention(c) () -> CInt
  private typealias Count = @convention(c) (UnsafeMutablePointer<CUnsignedInt>) -> CInt
  private typealias Handle = @convention(c) (CUnsignedInt, UnsafeMutablePointer<Device?>) -> CInt
  private typealias Processes =
    @convention(c) (Device, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutableRawPointer?) -> CInt
  private typealias Utilization =
    @convention(c) (Device, UnsafeMutableRawPointer?, UnsafeMutablePointer<CUnsignedInt>, UInt64) -> CInt

  /// nvmlProcessInfo_t: unsigned pid; unsigned long long usedGpuMemory; two unsigned.
  private static let processSize = 24
  /// nvmlProcessUtilizationSample_t: unsigned pid; unsigned long long timeStamp; four unsigned, of which the
  /// first is the use of the processors.
  private static let sampleSize = 32
  private static let insufficientSize: CInt = 7

  let devices: [Device]
  private let shutDown: Plain?
  private let processes: [Processes]
  private let utilization: Utilization?

  struct Problem: Error { var text: String }

  init() throws(Problem) {
    guard let library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL) else {
      throw Problem(text: dlerror().map { String(cString: $0) } ?? "libnvidia-ml.so.1 cannot be loaded")
    }
    func function<Function>(_ name: String, _ type: Function.Type) -> Function? {
      dlsym(library, name).map { unsafeBitCast($0, to: type) }
    }
    guard let start = function("nvmlInit_v2", Plain.self),
      let count = function("nvmlDeviceGetCount_v2", Count.self),
      let handle = function("nvmlDeviceGetHandleByIndex_v2", Handle.self)
    else { throw Problem(text: "libnvidia-ml.so.1 lacks functions that duct needs") }
    var number: CUnsignedInt = 0
    var code = start()
    if code == 0 { code = count(&number) }
    guard code == 0 else { throw Problem(text: "NVML answers with error \(code)") }
    devices = (0..<number).compactMap { index in
      var device: Device?
      return handle(index, &device) == 0 ? device : nil
    }
    shutDown = function("nvmlShutdown", Plain.self)
    processes = ["Compute", "Graphics"].compactMap { kind in
      function("nvmlDeviceGet\(kind)RunningProcesses_v3", Processes.self)
        ?? function("nvmlDeviceGet\(kind)RunningProcesses_v2", Processes.self)
    }
    utilization = function("nvmlDeviceGetProcessUtilization", Utilization.self)
  }

  func close() { _ = shutDown?() }

  /// - Parameter since: by device, the driver's time of the last sample that was read.
  func read(since: inout [UInt64]) -> [Int32: GPUUse] {
    var use: [Int32: GPUUse] = [:]
    for (index, device) in devices.enumerated() {
      for list in processes { addMemory(device, list, to: &use) }
      addUtilization(device, since: &since[index], to: &use)
    }
    return use
  }

  private func addMemory(_ device: Device, _ list: Processes, to use: inout [Int32: GPUUse]) {
    var count: CUnsignedInt = 0
    guard list(device, &count, nil) == Self.insufficientSize, count > 0 else { return }
    // More may have come since.
    count += 16
    withUnsafeTemporaryAllocation(byteCount: Int(count) * Self.processSize, alignment: 8) { buffer in
      guard list(device, &count, buffer.baseAddress) == 0 else { return }
      for entry in 0..<Int(count) {
        let pid = Int32(
          truncatingIfNeeded: buffer.load(fromByteOffset: entry * Self.processSize, as: UInt32.self))
        let bytes = buffer.load(fromByteOffset: entry * Self.processSize + 8, as: UInt64.self)
        var one = use[pid] ?? GPUUse()
        if bytes != .max { one.memoryBytes = (one.memoryBytes ?? 0) &+ bytes }
        use[pid] = one
      }
    }
  }

  private func addUtilization(_ device: Device, since: inout UInt64, to use: inout [Int32: GPUUse]) {
    guard let utilization else { return }
    var count: CUnsignedInt = 0
    guard utilization(device, nil, &count, since) == Self.insufficientSize, count > 0 else { return }
    var sums: [Int32: (sum: Double, count: Double)] = [:]
    withUnsafeTemporaryAllocation(byteCount: Int(count) * Self.sampleSize, alignment: 8) { buffer in
      guard utilization(device, buffer.baseAddress, &count, since) == 0 else { return }
      for entry in 0..<Int(count) {
        let start = entry * Self.sampleSize
        let pid = Int32(truncatingIfNeeded: buffer.load(fromByteOffset: start, as: UInt32.self))
        since = max(since, buffer.load(fromByteOffset: start + 8, as: UInt64.self))
        let percent = buffer.load(fromByteOffset: start + 16, as: UInt32.self)
        guard percent <= 100 else { continue }
        let before = sums[pid] ?? (0, 0)
        sums[pid] = (before.sum + Double(percent), before.count + 1)
      }
    }
    for (pid, value) in sums {
      var one = use[pid] ?? GPUUse()
      one.percent = (one.percent ?? 0) + value.sum / value.count
      use[pid] = one
    }
  }
}
