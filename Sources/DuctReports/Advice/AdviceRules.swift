internal import SlurmJobs

/// All rules of advice, in the order of the report.
struct AdviceRules {
  let sources: [ReportSource]
  let runs: [ReportRun]
  let jobs: JobRows
  let groups: JobGroups

  var advice: [ReportAdvice] {
    let named = of(.name)
    let arrays = of(.array)
    return named.flatMap { MemoryAdvice(group: $0).advice }
      + named.flatMap { TimeAdvice(group: $0).advice }
      + named.flatMap { ProcessorAdvice(group: $0).advice }
      + named.flatMap { BundleAdvice(group: $0).advice }
      + NodeAdvice(jobs: jobs, nodes: groups.members.filter { $0.kind == .node }).advice
      + arrays.flatMap { OutlierAdvice(group: $0).advice }
      + zip(sources.compactMap(\.run), runs).flatMap { OrchestratorAdvice(run: $0, summary: $1).advice }
  }

  private func of(_ kind: JobGroup.Kind) -> [AdvisedGroup] {
    groups.members.lazy.filter { $0.kind == kind }.map { AdvisedGroup(members: $0, jobs: jobs) }
  }
}
