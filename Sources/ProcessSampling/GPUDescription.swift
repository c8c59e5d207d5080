public import DuctRecords
public import SystemCalls
internal import SystemPackage

extension GPUInfo {
  /// Seconds that nvidia-smi may take. It can hang together with a driver.
  private static let limit = 10.0
  /// Bytes: far more than the lines for all GPUs of any host.
  private static let largestOutput = 1 << 20

  /// Asks nvidia-smi for the GPUs of this host. Blocks for up to ten seconds, and one more to end nvidia-smi.
  ///
  /// - Parameter mask: signals that are blocked in nvidia-smi.
  /// - Returns: nil if nvidia-smi is not in PATH, fails, or does not answer in time.
  public static func all(_ children: ChildProcesses, mask: SignalSet) -> [GPUInfo]? {
    let fields = "index,name,pci.bus_id,driver_version,memory.total,compute_mode"
    let arguments = ["nvidia-smi", "--query-gpu=\(fields)", "--format=csv"].map { Array($0.utf8) }
    var program = Program(path: arguments[0], arguments: arguments)
    program.searchesPath = true
    program.signalMask = mask
    let result = try? ProgramRunner(children: children).run(
      program, outputLimit: largestOutput, until: .now + limit)
    guard let result, result.exit == .exited(0) else { return nil }
    return parse(String(escaping: result.output))
  }
}
