internal import OrderedCollections
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

    /// Nil in place of a group that a campaign does not have.
    init(name: String?, _ before: JobGroup?, _ after: JobGroup?) {
      func change(_ value: (JobGroup) -> Double?) -> Change {
        Change(before: before.flatMap(value), after: after.flatMap(value))
      }
      self.name = name
      jobs = change { Double($0.count) }
      failureShare = change(\.failureShare)
      waitSeconds = change { $0.waitSeconds?.median }
      elapsedSeconds = change { $0.elapsedSeconds?.median }
      cpuUse = change { $0.cpuUse?.median }
      memoryUse = change { $0.memoryUse?.median }
      cpuHoursAllocated = change { $0.cpuHoursAllocated }
    }

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

  /// - Parameters:
  ///   - before: the jobs of the campaign compared with.
  ///   - after: those of this one.
  init(campaign: String, before: [JobRow], after: [JobRow]) {
    self.campaign = campaign
    // Alike for both, although each alone may have few names: `sim_1` of the one is `sim_#` of the other.
    let folds = JobGroups.hasManyNames(before) || JobGroups.hasManyNames(after)
    let old = JobGroups.named(before, folds: folds)
    let new = JobGroups.named(after, folds: folds)
    groups = [Group(name: nil, JobGroups.all(before), JobGroups.all(after))]
    groups += Self.sorted(new).map { name, group in Group(name: name, old[name], group) }
    groups += Self.sorted(old).lazy.filter { new[$0.key] == nil }.map { name, group in
      Group(name: name, group, nil)
    }
  }

  private static func sorted(
    _ groups: OrderedDictionary<String, JobGroup>
  ) -> [(key: String, value: JobGroup)] {
    groups.elements.sorted {
      ($1.value.cpuHoursAllocated, $0.key) < ($0.value.cpuHoursAllocated, $1.key)
    }
  }

  mutating func list(_ members: inout RecordMembers) {
    members("campaign", &campaign)
    members("groups", &groups)
  }
}
