import DuctRecords
import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage

// record-reading FILE... - measures how fast records are read, on one core
//
// Reads all files again and again for a second of CPU time, in three ways, and prints megabytes a second for each:
//   jobs      the jobs as records and the rest as values, as `report` does
//   selected  the members that `ls` shows, as `ls` does
//   tree      everything as values
// The time of opening and reading the files is included.

let paths = processArguments.dropFirst().map { FilePath(escaped: String(escaping: $0)) }
guard !paths.isEmpty else {
  complain("record-reading: name some info.json files")
  exit(2)
}
let size = try paths.reduce(0.0) { try $0 + Double(RegularFile.open($1).size) }

func measure(_ name: String, _ body: (FilePath) throws -> Void) throws {
  let start = threadProcessorTime()
  var rounds = 0.0
  repeat {
    for path in paths { try body(path) }
    rounds += 1
  } while threadProcessorTime() - start < 1
  print(name, Int(size * rounds / 1e6 / (threadProcessorTime() - start)))
}

let selection = RecordedRun.selection(
  for: ["command", "exit_code", "wall_clock_time", "peak_rss", "run_state"])
try measure("jobs") { _ = try RecordedRun(reading: $0) }
try measure("selected") { _ = try RecordedRun(reading: $0, only: selection) }
try measure("tree") { path in
  let file = try RegularFile.open(path)
  _ = try JSONParser.parse(try file.bytes(from: 0, count: file.size))
}
print("bytes-per-job-record", MemoryLayout<JobRecord>.stride)
