internal import RecordText

/// One JSON document: docs/report.md describes its members.
struct JSONFormat: ReportFormat {
  /// A report of more jobs is written without spaces, because they would take a third of its size.
  private static let mostIndented = 1000
  /// Somewhat more than a job usually takes. What is not written to takes no memory.
  private static let bytesOfJob = 1200

  func bytes(of report: CampaignReport, width: Int?) -> [UInt8] {
    guard report.jobs.count <= Self.mostIndented else {
      return report.jsonLine(expecting: report.jobs.count * Self.bytesOfJob)
    }
    return report.json(indent: 2) + [UInt8(ascii: "\n")]
  }
}
