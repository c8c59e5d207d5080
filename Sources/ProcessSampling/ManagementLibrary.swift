import Glibc
internal import SystemCalls

/// NVIDIA's management library (NVML, libnvidia-ml.so.1), loaded at run time. See the NVML API reference.
struct ManagementLibrary {
  typealias Device = OpaquePointer
  private typealias Plain = @convention(c) () -> CInt
  private typealias Count = @convention(c) (UnsafeMutablePointer<CUnsignedInt>) -> CInt
  private typealias Handle = @convention(c) (CUnsignedInt, UnsafeMutablePointer<Device?>) -> CInt
  private typealias Processes =
    @convention(c) (Device, UnsafeMutablePointer<CUnsignedInt>, UnsafeMutableRawPointer?) -> CInt
  private typealias Utilization =
    @convention(c) (Device, UnsafeMutableRawPointer?, UnsafeMutablePointer<CUnsignedInt>, UInt64) -> CInt

  /// NVML_SUCCESS and NVML_ERROR_INSUFFICIENT_SIZE of nvmlReturn_t.
  private static let success: CInt = 0
  private static let insufficientSize: CInt = 7

  /// Layout of nvmlProcessInfo_t: unsigned pid; unsigned long long usedGpuMemory; two unsigned.
  private enum ProcessInfo {
    static let pid = 0
    static let usedMemory = 8
    static let size = 24
    /// NVML_VALUE_NOT_AVAILABLE.
    static let notAvailable = UInt64.max
  }

  /// Layout of nvmlProcessUtilizationSample_t: unsigned pid; unsigned long long timeStamp; four unsigned, of which
  /// the first is the use of the processors in percent.
  private enum UtilizationSample {
    static let pid = 0
    static let timestamp = 8
    static let processorUse = 16
    static let size = 32
  }

  /// Alignment of both, that of unsigned long long.
  private static let alignment = 8
  /// Entries to allocate beyond those counted: processes can start between the two calls.
  private static let spareEntries: CUnsignedInt = 16

  let devices: [Device]
  private let shutDown: Plain?
  private let processes: [Processes]
  private let utilization: Utilization?

  /// - Throws: if the library is missing, lacks a function or reports an error, as it does without a driver.
  init() throws(Problem) {
    guard let library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL) else {
      throw Problem(dlerror().map { String(cString: $0) } ?? "libnvidia-ml.so.1 cannot be loaded")
    }
    func function<Function>(_ name: String, _ type: Function.Type) -> Function? {
      dlsym(library, name).map { unsafeBitCast($0, to: type) }
    }
    guard let start = function("nvmlInit_v2", Plain.self),
      let count = function("nvmlDeviceGetCount_v2", Count.self),
      let handle = function("nvmlDeviceGetHandleByIndex_v2", Handle.self)
    else { throw Problem("libnvidia-ml.so.1 lacks functions that duct needs") }
    var number: CUnsignedInt = 0
    var code = start()
    if code == Self.success { code = count(&number) }
    guard code == Self.success else { throw Problem("NVML answers with error \(code)") }
    devices = (0..<number).compactMap { index in
      var device: Device?
      return handle(index, &device) == Self.success ? device : nil
    }
    shutDown = function("nvmlShutdown", Plain.self)
    processes = ["Compute", "Graphics"].compactMap { kind in
      function("nvmlDeviceGet\(kind)RunningProcesses_v3", Processes.self)
        ?? function("nvmlDeviceGet\(kind)RunningProcesses_v2", Processes.self)
    }
    utilization = function("nvmlDeviceGetProcessUtilization", Utilization.self)
  }

  func close() { _ = shutDown?() }

  /// Reads the use of all devices, by pid.
  ///
  /// - Parameter since: for each device, the driver's time of the last utilization sample that was read.
  func read(since: inout [UInt64]) -> [Int32: GPUUse] {
    var use: [Int32: GPUUse] = [:]
    for (index, device) in devices.enumerated() {
      for list in processes { addMemory(device, list, to: &use) }
      addUtilization(device, since: &since[index], to: &use)
    }
    return use
  }

  private func addMemory(_ device: Device, _ list: Processes, to use: inout [Int32: GPUUse]) {
    typealias Info = ProcessInfo
    var count: CUnsignedInt = 0
    guard list(device, &count, nil) == Self.insufficientSize, count > 0 else { return }
    count += Self.spareEntries
    withUnsafeTemporaryAllocation(byteCount: Int(count) * Info.size, alignment: Self.alignment) { buffer in
      guard list(device, &count, buffer.baseAddress) == Self.success else { return }
      for start in stride(from: 0, to: Int(count) * Info.size, by: Info.size) {
        let pid = buffer.load(fromByteOffset: start + Info.pid, as: UInt32.self)
        let bytes = buffer.load(fromByteOffset: start + Info.usedMemory, as: UInt64.self)
        var one = use[Int32(truncatingIfNeeded: pid)] ?? GPUUse()
        if bytes != Info.notAvailable { one.memoryBytes = (one.memoryBytes ?? 0) &+ bytes }
        use[Int32(truncatingIfNeeded: pid)] = one
      }
    }
  }

  private func addUtilization(_ device: Device, since: inout UInt64, to use: inout [Int32: GPUUse]) {
    typealias Sample = UtilizationSample
    guard let utilization else { return }
    var count: CUnsignedInt = 0
    guard utilization(device, nil, &count, since) == Self.insufficientSize, count > 0 else { return }
    var sums: [Int32: (sum: Double, count: Double)] = [:]
    withUnsafeTemporaryAllocation(byteCount: Int(count) * Sample.size, alignment: Self.alignment) { buffer in
      guard utilization(device, buffer.baseAddress, &count, since) == Self.success else { return }
      for start in stride(from: 0, to: Int(count) * Sample.size, by: Sample.size) {
        let pid = Int32(
          truncatingIfNeeded: buffer.load(fromByteOffset: start + Sample.pid, as: UInt32.self))
        since = max(since, buffer.load(fromByteOffset: start + Sample.timestamp, as: UInt64.self))
        let percent = buffer.load(fromByteOffset: start + Sample.processorUse, as: UInt32.self)
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
