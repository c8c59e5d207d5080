// duct-slurm: reads one request as a line of JSON from standard input and prints one answer as JSON.
//
// The only program of duct that loads libslurm, so that the library can exit, hang or print messages only in a
// process of its own. duct starts it for each request and ends it if it takes too long. If duct has gone,
// duct-slurm ends by itself.

import DuctSlurm
import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage

/// The question that duct asks on standard input. Not top-level code, see `Relay` in duct-relay.
@main
enum Question {
  static func main() { run() }

  private static func run() {
    guard let line = readLine() else {
      complain("duct-slurm: no request on standard input; duct starts this program itself")
      exit(2)
    }

    do {
      let question = try SlurmQuestion(json: Array(line.utf8))
      try AskerWatch.start(limit: question.limit)
      let answer = SlurmQueries.answer(question.request).jsonLine
      try FileDescriptor.standardOutput.writeAll(answer)
      // _exit, not exit: the answer is written, and libslurm's cleanup is not needed.
      _exit(0)
    } catch let error as Errno {
      complain("duct-slurm: cannot answer: \(error.description)")
      exit(1)
    } catch {
      complain("duct-slurm: this is no request: \(line.prefix(200)): \(error)")
      exit(2)
    }
  }
}
