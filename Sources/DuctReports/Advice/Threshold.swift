/// The numbers of the rules of advice. docs/report.md explains each.
enum Threshold {
  /// A job asks for its peak and this share more.
  static let margin = 0.2

  /// A value is an outlier if it lies this many times the distance between the quartiles above the third quartile, of at
  /// least `fewestForOutliers` values.
  static let outlierDistance = 3.0
  /// The distance between the quartiles counts as at least this share of the third quartile: otherwise jobs that are all
  /// alike would have outliers.
  static let leastSpread = 0.1
  static let fewestForOutliers = 20
  /// Values above the limit are a second kind of job, and no outliers, if they are a larger share than this.
  static let mostOutliers = 0.05
  /// Outliers are told if they are this many times the median.
  static let outlierFactor = 2.0

  /// Less memory is advised if it saves this share of what was asked for, and `leastMemorySaved` bytes.
  static let memorySaved = 0.25
  static let leastMemorySaved = 64.0 * 1_048_576
  /// More memory for jobs that ran out of it: this factor of what they had.
  static let moreMemory = 1.5
  /// A shorter time limit is advised if it saves this share, and limits of up to `shortLimit` seconds are left alone.
  static let timeSaved = 0.5
  static let shortLimit = 600.0
  /// More time for jobs that reached their limit: this factor of it.
  static let moreTime = 2.0
  /// Fewer CPUs are advised if the third quartile of the jobs uses no more than this share.
  static let cpuUse = 0.5
  /// Advice to ask for less comes from jobs that ran for so many seconds. What a shorter job does while it starts counts
  /// too much, and Slurm has sampled it once or not at all.
  static let longEnough = 60.0

  /// Jobs below this many seconds (the median) are bundled into jobs of about `bundleSeconds`, if there are
  /// `fewestToBundle`.
  static let short = 60.0
  static let bundleSeconds = 600.0
  static let fewestToBundle = 20
  /// Tasks of an array of bundles: where MaxArraySize is 1001, as by default, their ids are 0 to 1000.
  static let mostBundles = 1001

  /// A node is left out if so many jobs failed there, and so large a share of those that ended there, and if the share
  /// elsewhere is at most `nodeFactor` times smaller.
  static let nodeFailures = 3
  static let nodeFailureShare = 0.5
  static let nodeFactor = 0.25

  /// An orchestrator in an allocation waited if it used at most this share of one CPU, for at least `longWait` seconds.
  static let orchestratorUse = 0.1
  static let longWait = 600.0
}
