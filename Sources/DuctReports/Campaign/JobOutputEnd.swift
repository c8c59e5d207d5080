internal import RecordText
internal import SlurmJobs

/// The telling lines and the last lines of a job's output file.
struct JobOutputEnd: WrittenRecord {
  /// As in `JobRow`.
  var id: String
  /// The job's stderr or stdout file; nil if it has none.
  var path: String?
  var lines: [String] = []
  /// Why there are no lines; nil if there are.
  var problem: String?

  mutating func list(_ members: inout RecordMembers) {
    members("id", &id)
    members("path", &path)
    members("lines", &lines)
    members("problem", &problem)
  }

  /// Nil for a job that never started: it has printed nothing.
  ///
  /// - Parameters:
  ///   - lines: the most lines to read.
  ///   - width: columns that they may have; nil: any.
  init?(_ job: JobRecord, of source: ReportSource, lines: Int, width: Int?) {
    guard job.startTime != nil else { return nil }
    id = job.displayID
    // If stderr has a file of its own, show that first: errors say more.
    for path in [job.stderrPath, job.stdoutPath].compactMap({ $0 }) {
      let tail = FileTail(path, lines: lines, width: width, owners: source.outputOwners)
      self.path = path
      self.lines = tail.lines
      problem = tail.problem
      if !tail.lines.isEmpty { break }
    }
    if path == nil { problem = "its output file is not known" }
  }
}
