internal import RecordText
internal import SlurmJobs

/// The environment of the command: duct's own, and what duct hands down to runs in the command's jobs. sbatch passes it
/// on.
struct CommandEnvironment {
  /// The variable that names the run below which a run is started. A tag says the same, but not every site allows one.
  static let parentRun = "DUCT_PARENT_RUN"
  private static let campaign = "DUCT_CAMPAIGN"

  private(set) var entries: [[UInt8]]
  private(set) var isChanged = false

  /// - Parameter entries: of duct's own environment.
  init(_ entries: [[UInt8]]) { self.entries = entries }

  /// Whether a run has named itself in this environment.
  var hasParentRun: Bool {
    let start = Array("\(Self.parentRun)=".utf8)
    return entries.contains { $0.starts(with: start) }
  }

  /// Hands down the tag for jobs.
  mutating func hand(tag: String) {
    for name in JobTag.variables { set(name, tag) }
  }

  /// Hands down the campaign, from wherever duct has it.
  mutating func hand(campaign name: String) { set(Self.campaign, name) }

  /// Hands down the id of this run.
  mutating func hand(run id: String) { set(Self.parentRun, id) }

  private mutating func set(_ name: String, _ value: String) {
    let start = Array("\(name)=".utf8)
    let entry = start + value.originalBytes
    if entries.contains(entry) { return }
    entries.removeAll { $0.starts(with: start) }
    entries.append(entry)
    isChanged = true
  }
}
