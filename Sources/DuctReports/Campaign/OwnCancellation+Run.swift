internal import DuctRecords
internal import RecordText
internal import SlurmJobs

extension OwnCancellation {
  /// Nil if the run has not ended with exit code 0, or if its record does not say when and whose it was.
  init?(_ run: RecordedRun?) {
    guard let run, run.state == "finished", run.exitCode == 0,
      let uid = run.info["system"]?["uid"]?.double.flatMap({ UInt32(exactly: $0) }),
      let start = run.summary?["start_time"]?.double, let end = run.summary?["end_time"]?.double
    else { return nil }
    self.init(uid: uid, start: start, end: end)
  }
}
