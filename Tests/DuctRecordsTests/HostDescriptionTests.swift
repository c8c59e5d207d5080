import SystemCalls
import Testing

@testable import DuctRecords

@Suite struct HostDescriptionTests {
  @Test func osRelease() {
    let values = OSRelease.parse(
      Array("# c\nNAME=\"My \\\"OS\\\"\"\nID=my\nVERSION='1 2'\n\nBROKEN\n".utf8))
    #expect(values["NAME"] == "My \"OS\"")
    #expect(values["ID"] == "my" && values["VERSION"] == "1 2")
    #expect(values["PRETTY_NAME"] == "Linux")
  }

  @Test func gpusOfNvidiaSmi() {
    let output =
      "index, name, pci.bus_id, driver_version, memory.total [MiB], compute_mode\n0, NVIDIA H100, 00:1.0, 550.1, 81559 MiB, Default\n"
    let gpus = GPUInfo.parse(output)
    #expect(gpus?.count == 1)
    #expect(gpus?[0].name == "NVIDIA H100" && gpus?[0].memoryTotal == "81559 MiB")
    #expect(GPUInfo.parse("header\nbroken\n") == nil)
  }

  /// A run id contains the start time, and is valid as a wckey.
  @Test func runIdsTellTheirStartAndAreFitForAWckey() {
    let start = WallTime(seconds: 1_790_000_000)
    let id = RunID.make(start)
    #expect(RunID.startTime(of: id) == 1_790_000_000)
    #expect(id.allSatisfy { $0.isASCII && ($0.isNumber || $0.isLowercase || $0 == "-") })
    #expect(RunID.make(start) != id)
    for other in ["", "x", "20261324t000000-1", "2026-1", "20260101t99", "20260132t000000-ab"] {
      #expect(RunID.startTime(of: other) == nil, "\(other)")
    }
  }
}
