/// NVIDIA GPUs of the host, as nvidia-smi lists them and con-duct records them.
public struct GPUInfo: Codable, Sendable {
  public var index: String
  public var name: String
  public var busID: String
  public var driverVersion: String
  public var memoryTotal: String
  public var computeMode: String

  enum CodingKeys: String, CodingKey {
    case index, name
    case busID = "bus_id"
    case driverVersion = "driver_version"
    case memoryTotal = "memory.total"
    case computeMode = "compute_mode"
  }

  public static func parse(_ output: String) -> [GPUInfo]? {
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
}
