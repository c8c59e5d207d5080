/// What the samples since the last report have shown of one process.
struct ReportPeaks: Sendable {
  /// Percent of one core over the life of the process.
  var lifetimePercent = 0.0
  /// Percent of one core between two samples. Nil if no interval was long enough, see `PeakIntervals`.
  var intervalPercent: Double?
  /// The same, from intervals of any length: for a report in which none was long enough.
  var anyIntervalPercent = 0.0
  var residentBytes: UInt64 = 0
  var virtualBytes: UInt64 = 0
  var states = ProcessStates()
  /// Time of the last sample in seconds since 1970, and the age of the process then, in seconds.
  var timestamp = 0.0
  var age = 0.0
  var sampleCount = 0
}
