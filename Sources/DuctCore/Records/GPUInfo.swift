import Glibc
internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// NVIDIA GPUs of the host, as nvidia-smi lists them and con-duct records them.
struct GPUInfo: Codable, Sendable {
  var index: String
  var name: String
  var busID: String
  var driverVersion: String
  var memoryTotal: String
  var computeMode: String

  enum CodingKeys: String, CodingKey {
    case index, name
    case busID = "bus_id"
    case driverVersion = "driver_version"
    case memoryTotal = "memory.total"
    case computeMode = "compute_mode"
  }

  private static let limit = 10.0

  /// Nil if nvidia-smi gives no answer.
  static func all(_ children: ChildProcesses, mask: SignalSet) -> [GPUInfo]? {
    let fields = "index,name,pci.bus_id,driver_version,memory.total,compute_mode"
    guard
      let output = output(
        of: ["nvidia-smi", "--query-gpu=\(fields)", "--format=csv"], children, mask)
    else { return nil }
    return parse(output)
  }

  static func parse(_ output: String) -> [GPUInfo]? {
    let lines = output.split(whereSeparator: \.isNewline).dropFirst()
    var gpus: [GPUInfo] = []
    for line in lines {
      let columns = line.split(separator: ",", omittingEmptySubsequences: false).map { String($0).trimmed }
      guard columns.count == 6 else { return nil }
      gpus.append(
        GPUInfo(
          index: columns[0], name: columns[1], busID: columns[2], driverVersion: columns[3],
          memoryTotal: columns[4], computeMode: columns[5]))
    }
    return gpus
  }

  /// What a program prints, within the limit; nil if it fails.
  private static func output(
    of arguments: [String], _ children: ChildProcesses, _ mask: SignalSet
  ) -> String? {
    guard let pipe = try? FileDescriptor.closeOnExecPipe(),
      let null = try? FileDescriptor.opening("/dev/null", .readWrite)
    else { return nil }
    defer {
      pipe.read.closeQuietly()
      null.closeQuietly()
    }
    var program = Program(path: Array(arguments[0].utf8), arguments: arguments.map { Array($0.utf8) })
    program.searchesPath = true
    program.descriptors = [
      .duplicate(of: null), .duplicate(of: pipe.write), .duplicate(of: null),
    ]
    program.closesOthers = true
    program.startsSession = true
    program.signalMask = mask
    let started = try? children.start(program)
    pipe.write.closeQuietly()
    guard let pid = started else { return nil }
    let deadline = MonotonicInstant.now + limit
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while let ready = try? poll(reading: [pipe.read], until: deadline), ready[0].isReadable {
      let got = chunk.withUnsafeMutableBytes { read(pipe.read.rawValue, $0.baseAddress, $0.count) }
      if got <= 0 { break }
      bytes.append(contentsOf: chunk[..<got])
    }
    if let exit = children.wait(for: pid, until: deadline) {
      return exit.cause == .exited(0) ? String(escaping: bytes) : nil
    }
    children.signal(pid, SIGKILL, group: true)
    children.forget(pid)
    return nil
  }
}

/// Whether a program is found by its name.
func isInPath(_ name: String, path: String?) -> Bool {
  file(named: Array(name.utf8), inSearchPath: path?.originalBytes) != nil
}
