import DuctRecords
import Glibc
import RecordText
import SlurmJobs
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import DuctReports
@testable import DuctSettings

/// Records that are torn, or change while they are read: the others are shown, and each loss is told.
@Suite struct TornRecordTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.write(record(members: ", \"campaign\": \"whole\""), to: "whole_info.json")
  }

  private func find(_ fields: Set<String>? = nil) -> RunFinder {
    RunFinder([sandbox.path.string], Surroundings(), fields: fields)
  }

  /// As `ls`, and as `jobs` and `report`.
  private static let needs: [Set<String>?] = [["command", "run_state"], nil]

  /// `count` jobs, as they are in a large record.
  private func jobs(_ count: Int) -> String {
    let jobs = (0..<count).map { number in
      #"{"job_id": \#(number + 1), "name": "align", "state": "\#(number % 100 == 0 ? "FAILED" : "COMPLETED")", "#
        + #""tres_requested": {"cpu": \#(number % 7), "mem": 1073741824}, "detected_by": ["session", "tag"], "#
        + #""working_dir": "/data/of/the/campaign", "stdout_path": "/data/of/the/campaign/out/\#(number).txt"}"#
    }
    return "[" + jobs.joined(separator: ", ") + "]"
  }

  /// The memory of the text is given back while the jobs are read, and texts are shared: every job must still be the one
  /// that is in the text.
  @Test func aRecordOfManyJobsIsReadAsItIs() throws {
    try sandbox.write(
      record(members: ", \"campaign\": \"large\"", jobs: jobs(40_000)), to: "large_info.json")
    let run = try #require(find().runs.first { $0.campaign == "large" })
    #expect(run.jobs.count == 40_000 && run.problem == nil && run.tag == "duct-r" && run.exitCode == 0)
    for (number, job) in run.jobs.enumerated() {
      guard job.jobID == UInt32(number + 1), job.stdoutPath == "/data/of/the/campaign/out/\(number).txt",
        job.tresRequested?["cpu"] == Int64(number % 7), job.detectedBy == [.session, .tag],
        job.workingDir == "/data/of/the/campaign", job.state == (number % 100 == 0 ? .failed : .completed)
      else {
        Issue.record("job \(number) is another: \(job)")
        return
      }
    }
  }

  @Test func aTornRecordOfManyJobsIsTold() throws {
    let jobs = (1...100_000).map { #"{"job_id": \#($0), "state": "FAILED"}"# }.joined(separator: ", ")
    let text = Array(record(jobs: "[\(jobs)]").utf8)
    for length in [text.count - 1, text.count / 2, 4096, 1] {
      try sandbox.write(Array(text[..<length]), to: "torn_info.json")
      for fields in Self.needs {
        let finder = find(fields)
        #expect(finder.runs.count == 1 && finder.problems.count == 1, "\(length) bytes")
        #expect(finder.problems.first?.description.contains("torn_info.json is no JSON: ") == true)
      }
    }
    // The report is made of what is left.
    #expect(try everything(find().runs).allSatisfy { !$0.isEmpty })
  }

  /// A file system that lost power may leave zeros.
  @Test func zerosInARecordAreTold() throws {
    let text = Array(record(jobs: jobs(200)).utf8)
    for hole in [0..<text.count, 100..<101, text.count - 4096..<text.count] {
      var bytes = text
      for place in hole { bytes[place] = 0 }
      try sandbox.write(bytes, to: "hole_info.json")
      for fields in Self.needs {
        let finder = find(fields)
        #expect(finder.runs.count == 1 && finder.problems.count == 1, "\(hole)")
        #expect(finder.problems.first?.description.contains("hole_info.json is no JSON: ") == true)
      }
    }
  }

  /// duct replaces its record, and con-duct overwrites it: a reader sees a whole one, or says what is wrong.
  @Test(arguments: [true, false])
  func aRecordThatChangesWhileItIsRead(_ isReplaced: Bool) throws {
    let texts = [
      Array(record(members: ", \"campaign\": \"first\"", jobs: jobs(2)).utf8),
      Array(record(members: ", \"campaign\": \"second\"", jobs: jobs(3000)).utf8),
    ]
    try sandbox.write(texts[0], to: "busy_info.json")
    let isStopped = Monitor(false)
    let writer = try OwnThread("writer") { [sandbox] in
      var round = 0
      while !isStopped.withLock({ $0 }) {
        round += 1
        try? sandbox.write(texts[round % 2], to: isReplaced ? "new" : "busy_info.json")
        if isReplaced { rename(sandbox["new"].string, sandbox["busy_info.json"].string) }
      }
    }
    var read = 0
    for round in 0..<40 {
      let finder = find(Self.needs[round % 2])
      let others = finder.runs.filter { $0.campaign != "whole" && !$0.prefix.hasSuffix("whole_") }
      #expect(others.count + finder.problems.count == 1 && finder.runs.count == others.count + 1)
      if isReplaced { #expect(finder.problems.isEmpty, "\(finder.problems)") }
      for run in others where !run.jobs.isEmpty {
        #expect(run.jobs.count == (run.campaign == "first" ? 2 : 3000))
        read += 1
      }
    }
    isStopped.update { $0 = true }
    writer.join()
    #expect(!isReplaced || read == 20)
  }
}
