public import RecordText

/// An NVIDIA GPU of the host. Each member is a field of `nvidia-smi --query-gpu`, as text, as con-duct records
/// it.
public struct GPUInfo: WrittenRecord {
  /// Field `index`: 0 for the first GPU.
  var index: String
  /// Field `name`: the model.
  var name: String
  /// Field `pci.bus_id`.
  var busID: String
  /// Field `driver_version`.
  var driverVersion: String
  /// Field `memory.total`, with its unit: `81559 MiB`.
  var memoryTotal: String
  /// Field `compute_mode`.
  var computeMode: String

  public mutating func list(_ members: inout RecordMembers) {
    members("index", &index)
    members("name", &name)
    members("bus_id", &busID)
    members("driver_version", &driverVersion)
    members("memory.total", &memoryTotal)
    members("compute_mode", &computeMode)
  }

  /// Parses the output of nvidia-smi: a title line, then a line of comma-separated values per GPU. Nil if a
  /// line does not have six values.
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
