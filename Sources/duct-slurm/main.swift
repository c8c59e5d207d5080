// duct-slurm: one request as a line of JSON on standard input, one answer as JSON on standard output.
//
// The only program of duct that loads libslurm, so that the library's exits, hangs and messages stay
// in a process of their own. duct starts it for each question and ends it when it takes too long; should
// duct be gone itself, it ends alone.

import DuctSlurm
import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage

guard let line = readLine() else {
  complain("duct-slurm: no request on standard input; duct starts this program itself")
  exit(2)
}

do {
  let question = try RecordDecoder().decode(SlurmQuestion.self, from: Array(line.utf8))
  try AskerWatch.start(limit: question.limit)
  let answer = try RecordEncoder().line(SlurmQueries.answer(question.request))
  try FileDescriptor.standardOutput.writeAll(answer)
  // Not exit(): the answer is out, and what libslurm would still clean up ends with the process.
  _exit(0)
} catch let error as Errno {
  complain("duct-slurm: cannot answer: \(error.description)")
  exit(1)
} catch {
  complain("duct-slurm: this is no request: \(line.prefix(200)): \(error)")
  exit(2)
}
