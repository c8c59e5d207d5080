internal import SlurmJobs

/// A job, or the tasks of an array together, as one line of a list.
struct JobLine {
  /// Indices of the report's rows. Never empty.
  let rows: Range<Int>

  /// The rows of a report, with the tasks of each array as one line. The tasks of an array stand together.
  static func folded(_ rows: [JobRow]) -> [JobLine] {
    var lines: [JobLine] = []
    var start = 0
    for index in rows.indices {
      let next = index + 1
      let isSame =
        next < rows.count && rows[index].arrayJobID != nil && rows[next].arrayJobID == rows[index].arrayJobID
        && rows[next].run == rows[index].run && rows[next].cluster == rows[index].cluster
      if isSame { continue }
      lines.append(JobLine(rows: start..<next))
      start = next
    }
    return lines
  }
}
