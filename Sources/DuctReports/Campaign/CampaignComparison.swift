internal import RecordText

/// Two campaigns side by side: as a whole, and for each group of jobs with a common name.
struct CampaignComparison: WrittenRecord {
  /// A value in the campaign compared with, and in this one. Nil where it is not known.
  struct Change: WrittenRecord, Equatable {
    var before: Double?
    var after: Double?

    /// The change in per cent of the value before; nil if that is 0, or if one of them is not known.
    var percent: Double? {
      guard let before, let after, before != 0 else { return nil }
      let change = (after - before) / before.magnitude * 100
      return change.isFinite ? change : nil
    }

    mutating func list(_ members: inout RecordMembers) {
      members("before", &before)
      members("after", &after)
      var percent = percent
      members("change_percent", &percent)
    }
  }

  struct Group: WrittenRecord {
    /// The common name of the jobs; nil for all jobs of the campaigns.
    var name: String?
    var jobs: Change
    /// Jobs that failed, as a share of those that have ended.
    var failureShare: Change
    /// The medians over the jobs.
    var waitSeconds: Change
    var elapsedSeconds: Change
    var cpuUse: Change
    var memoryUse: Change
    /// Allocated CPUs multiplied by elapsed time.
    var cpuHoursAllocated: Change

    mutating func list(_ members: inout RecordMembers) {
      members("name", &name)
      members("jobs", &jobs)
      members("failure_share", &failureShare)
      members("median_wait_seconds", &waitSeconds)
      members("median_elapsed_seconds", &elapsedSeconds)
      members("median_cpu_use", &cpuUse)
      members("median_memory_use", &memoryUse)
      members("cpu_hours_allocated", &cpuHoursAllocated)
    }
  }

  /// The campaign compared with.
  var campaign: String
  /// All jobs first, and then the names in the order of the groups.
  var groups: [Group]

  mutating func list(_ members: inout RecordMembers) {
    members("campaign", &campaign)
    members("groups", &groups)
  }
}
