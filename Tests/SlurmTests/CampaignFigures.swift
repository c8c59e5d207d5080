import RecordText
import Testing

/// Compares the JSON form of a report with what sacct says of the same jobs.
struct CampaignFigures {
  let jobs: [SacctJob]
  let report: JSONValue

  private var started: [SacctJob] { jobs.filter(\.hasStarted) }

  /// Those that failed, without those that the run ended itself.
  private func hasFailed(_ job: SacctJob) -> Bool {
    job.name != CampaignScripts.ownCancellations
      && (["FAILED", "TIMEOUT", "CANCELLED"].contains(job.last.state) || job.hasFailedStep)
  }

  private func expect(_ name: String, _ actual: JSONValue?, _ expected: Int?, _ job: String = "report") {
    let expected = expected.map { JSONValue.integer(Int64($0)) } ?? .null
    #expect(actual == expected, "\(name) of \(job)")
  }

  // MARK: The campaign

  func checkHead(verdict: String) {
    #expect(report["campaign"] == "night")
    #expect(report["verdict"]?.string == verdict)
    expect("job_count", report["job_count"], jobs.count)
    #expect(jobs.count == CampaignScripts.jobs.values.reduce(0, +))
    let states = Dictionary(grouping: jobs, by: \.last.state).mapValues(\.count)
    for entry in report["states"]?.array ?? [] {
      expect("states", entry["count"], states[entry["state"]?.string ?? ""] ?? 0)
    }
    #expect(report["states"]?.array?.count == states.count)
    #expect(report["users"] == .array(Set(jobs.compactMap { $0.last["User"] }).map { .string($0) }))
    #expect(report["clusters"] == .array(Set(jobs.compactMap { $0.last["Cluster"] }).map { .string($0) }))
    let submissions = jobs.flatMap { ($0.earlier + [$0.last]).compactMap { $0.number("Submit") } }
    expect("first_submit_time", report["first_submit_time"], submissions.min())
    expect("jobs_cancelled_by_run", report["jobs_cancelled_by_run"], 2)
    #expect(report["problem"]?.isNull == true)
    expect("stale_jobs", report["stale_jobs"], 0)
  }

  func checkRuns() {
    let runs = Dictionary(
      uniqueKeysWithValues: (report["runs"]?.array ?? []).map {
        ($0["prefix"]?.string?.dropFirst(2) ?? "", $0)
      })
    #expect(runs.count == 3)
    for (prefix, count) in CampaignScripts.jobs {
      expect("jobs", runs[prefix[...]]?["jobs"], count, prefix)
      #expect(runs[prefix[...]]?["campaign"] == "night")
    }
    #expect(runs["first_"]?["exit_code"] == 1 && runs["second_"]?["exit_code"] == 0)
    #expect(runs["nested_"]?["exit_code"] == 0)
    #expect(runs["first_"]?["parent_run_id"]?.isNull == true)
    #expect(runs["second_"]?["parent_run_id"]?.isNull == true)
    #expect(runs["nested_"]?["parent_run_id"] == runs["second_"]?["run_id"])
  }

  // MARK: Each job

  func checkJobs() {
    let rows = report["jobs"]?.array ?? []
    #expect(rows.compactMap { $0["id"]?.string }.sorted() == jobs.map(\.id).sorted())
    for row in rows {
      guard let job = jobs.first(where: { $0.id == row["id"]?.string }) else { continue }
      check(row, job)
      checkUse(row, job)
    }
  }

  private func check(_ row: JSONValue, _ job: SacctJob) {
    for (member, field) in [
      "name": "JobName", "user": "User", "cluster": "Cluster", "partition": "Partition", "nodes": "NodeList",
    ] {
      #expect(row[member]?.string == job.last[field], "\(member) of \(job.id)")
    }
    #expect(row["state"]?.string == job.last.state, "\(job.id)")
    for (member, field) in [
      "job_id": "JobIDRaw", "submit_time": "Submit", "eligible_time": "Eligible", "start_time": "Start",
      "end_time": "End", "node_count": "NNodes",
    ] {
      expect(member, row[member], job.last.number(field), job.id)
    }
    expect("restarts", row["restarts"], job.earlier.count, job.id)
    expect("exit_code", row["exit_code"], job.exit?.code, job.id)
    expect("signal", row["signal"], job.exit.flatMap { $0.signal == 0 ? nil : $0.signal }, job.id)
    expect("wait_seconds", row["wait_seconds"], job.wait, job.id)
    expect("elapsed_seconds", row["elapsed_seconds"], job.hasStarted ? job.elapsed : nil, job.id)
    expect(
      "time_limit_seconds", row["time_limit_seconds"], job.last.number("TimelimitRaw").map { $0 * 60 }, job.id
    )
    let standing =
      hasFailed(job) || job.last.state == "PENDING"
      ? "attention" : job.name == CampaignScripts.ownCancellations ? "cancelled_by_run" : "well"
    #expect(row["standing"]?.string == standing, "\(job.id)")
  }

  private func checkUse(_ row: JSONValue, _ job: SacctJob) {
    expect("cpus", row["cpus"], job.cpus, job.id)
    expect("cpus_asked", row["cpus_asked"], job.last.resource("cpu", "ReqTRES"), job.id)
    expect("memory_asked_bytes", row["memory_asked_bytes"], job.memoryAsked, job.id)
    expect("memory_used_bytes", row["memory_used_bytes"], job.memoryUsed, job.id)
    expect("io_read_bytes", row["io_read_bytes"], job.files("TRESUsageInTot"), job.id)
    expect("io_written_bytes", row["io_written_bytes"], job.files("TRESUsageOutTot"), job.id)
    let seconds = job.steps.isEmpty ? nil : job.steps.map(\.cpuSeconds).reduce(0, +)
    #expect(isNear(row["cpu_seconds"], seconds, within: Double(job.steps.count) / 1000), "\(job.id)")
    let allocated = job.cpus.map { Double($0 * job.elapsed) }
    let asked = job.memoryAsked.map { Double($0) }
    let limit = job.last.number("TimelimitRaw").map { Double($0 * 60) }
    guard job.hasStarted else {
      for member in ["cpu_use", "memory_use", "time_use"] {
        #expect(row[member]?.isNull == true, "\(member) of \(job.id)")
      }
      return
    }
    share("cpu_use", row, seconds, of: allocated, job, slack: Double(job.steps.count) / 1000)
    share("memory_use", row, job.memoryUsed.map { Double($0) }, of: asked, job)
    share("time_use", row, Double(job.elapsed), of: limit, job)
  }

  /// - Parameter slack: how wrong the part can be.
  private func share(
    _ member: String, _ row: JSONValue, _ part: Double?, of whole: Double?, _ job: SacctJob, slack: Double = 0
  ) {
    var expected: Double?
    if let part, let whole, whole > 0 { expected = part / whole }
    #expect(isNear(row[member], expected, within: slack / (whole ?? 1)), "\(member) of \(job.id)")
  }

  private func isNear(_ value: JSONValue?, _ expected: Double?, within slack: Double) -> Bool {
    guard let expected else { return value?.isNull == true }
    guard let actual = value?.double else { return false }
    let difference = (actual - expected).magnitude
    return difference <= slack + 1e-9 * expected.magnitude
  }

  // MARK: Sums

  func checkTotals() {
    let totals = report["totals"] ?? .null
    func hours(_ name: String, _ seconds: Int) {
      #expect(isNear(totals[name], Double(seconds) / 3600, within: 0), "\(name): \(seconds) s")
    }
    func sum(_ jobs: [SacctJob], _ value: (SacctJob) -> Int) -> Int { jobs.map(value).reduce(0, +) }
    func cpuSeconds(_ job: SacctJob) -> Int { (job.cpus ?? 0) * job.elapsed }
    let failed = started.filter(hasFailed)
    hours("elapsed_hours", sum(started, \.elapsed))
    hours("wait_hours", sum(started) { $0.wait ?? 0 })
    hours("cpu_hours_allocated", sum(started, cpuSeconds))
    hours("billing_hours", sum(started) { ($0.last.resource("billing", "AllocTRES") ?? 0) * $0.elapsed })
    hours("elapsed_hours_lost_to_failures", sum(failed, \.elapsed))
    hours("cpu_hours_lost_to_failures", sum(failed, cpuSeconds))
    let requeued = jobs.flatMap(\.earlier)
    #expect(requeued.count == 1)
    hours("elapsed_hours_lost_to_requeues", requeued.map { $0.number("ElapsedRaw") ?? 0 }.reduce(0, +))
    hours(
      "cpu_hours_lost_to_requeues",
      requeued.map { ($0.number("ElapsedRaw") ?? 0) * ($0.number("AllocCPUS") ?? 0) }.reduce(0, +))
    let measured = started.filter { !$0.steps.isEmpty }
    expect("jobs_with_cpu", totals["jobs_with_cpu"], measured.count)
    hours("cpu_hours_allocated_of_measured", sum(measured, cpuSeconds))
    let steps = measured.flatMap(\.steps)
    let used: Double = steps.map(\.cpuSeconds).reduce(0, +) / 3600
    let slack = Double(steps.count) / 3.6e6
    #expect(isNear(totals["cpu_hours_used"], used, within: slack))
    checkMemory(totals)
    for (name, field) in ["io_read_bytes": "TRESUsageInTot", "io_written_bytes": "TRESUsageOutTot"] {
      let bytes = sum(started) { $0.files(field) ?? 0 }
      #expect(isNear(totals[name], Double(bytes), within: 0), "\(name)")
    }
    #expect(totals["gpu_hours_allocated"]?.isNull == true && totals["energy_joules"]?.isNull == true)
  }

  private func checkMemory(_ totals: JSONValue) {
    func check(_ name: String, _ jobs: [SacctJob], _ bytes: (SacctJob) -> Int?) {
      let byteSeconds = jobs.map { (bytes($0) ?? 0) * $0.elapsed }.reduce(0, +)
      #expect(isNear(totals[name], Double(byteSeconds) / 3600 / 0x1p30, within: 0), "\(name)")
    }
    let sampled = started.filter { $0.memoryUsed != nil }
    // A job of less than a second is not sampled.
    #expect(sampled.count > 20 && sampled.count < started.count)
    expect("jobs_with_memory", totals["jobs_with_memory"], sampled.count)
    check("memory_gib_hours_asked", started, \.memoryAsked)
    check("memory_gib_hours_asked_of_measured", sampled, \.memoryAsked)
    check("memory_gib_hours_used", sampled, \.memoryUsed)
  }

  func checkGroups() {
    let groups = report["groups"]?.array ?? []
    let names = groups.filter { $0["kind"] == "name" }
    #expect(names.compactMap { $0["key"]?.string }.sorted() == Set(jobs.map(\.name)).sorted())
    for group in groups {
      guard let key = group["key"]?.string else { continue }
      let members: [SacctJob]? =
        switch group["kind"]?.string {
        case "name": jobs.filter { $0.name == key }
        case "array": jobs.filter { $0.id.hasPrefix(key + "_") }
        case "partition": jobs.filter { $0.last["Partition"] == key }
        case "node": started.filter { $0.last["NodeList"] == key || $0.last["NodeList"] == "n[1-3]" }
        default: nil
        }
      guard let members else {
        Issue.record("no jobs have a script of their own: \(group)")
        continue
      }
      expect("jobs", group["jobs"], members.count, key)
      expect("failed_jobs", group["failed_jobs"], members.count(where: hasFailed), key)
      let cpuSeconds = members.map { ($0.cpus ?? 0) * $0.elapsed }.reduce(0, +)
      #expect(isNear(group["cpu_hours_allocated"], Double(cpuSeconds) / 3600, within: 0), "\(key)")
      checkQuartiles(group["elapsed_seconds"], members.filter(\.hasStarted).map(\.elapsed), key)
      checkQuartiles(group["wait_seconds"], members.compactMap(\.wait), key)
    }
  }

  private func checkQuartiles(_ value: JSONValue?, _ all: [Int], _ key: String) {
    let sorted = all.sorted()
    guard let last = sorted.last else {
      #expect(value?.isNull == true, "\(key)")
      return
    }
    let middle = sorted.count / 2
    let median =
      sorted.count % 2 == 1 ? Double(sorted[middle]) : Double(sorted[middle - 1] + sorted[middle]) / 2
    #expect(value?["known"]?.double == Double(sorted.count), "\(key)")
    #expect(value?["min"]?.double == Double(sorted[0]) && value?["max"]?.double == Double(last), "\(key)")
    #expect(value?["median"]?.double == median, "\(key)")
  }

  // MARK: What needs attention

  func checkAttention(uid: UInt32) {
    let words = CampaignScripts.attention(uid: uid)
    var expected: [String] = []
    for job in jobs where hasFailed(job) || job.last.state == "PENDING" {
      guard let text = words[job.name] else {
        Issue.record("\(job.id) (\(job.name)) should not need attention")
        continue
      }
      // Many alike are one entry.
      guard job.name != "waits" else { continue }
      let place = job.last["NodeList"].map { ", on \($0), after \(shortDuration(job.elapsed))" } ?? ""
      expected.append("job \(job.id) (\(job.name)): \(text)\(place)")
    }
    let waits = jobs.filter { $0.name == "waits" }
    expected.append(
      "\(waits.count) tasks of \(waits.first?.id.split(separator: "_")[0] ?? "") (waits): \(words["waits"] ?? "")"
    )
    func titles(_ member: String) -> [String] {
      (report[member]?.array ?? []).compactMap { $0["title"]?.string }.sorted()
    }
    #expect(titles("attention") == expected.sorted())
    let group = report["attention"]?.array?.first { $0["count"] == 12 }
    #expect(group?["job_ids"]?.array?.compactMap(\.string).sorted() == waits.map(\.id).sorted())
    let pilots = jobs.filter { $0.name == CampaignScripts.ownCancellations }
    let own = pilots.map { pilot in
      "job \(pilot.id) (pilot): "
        + (pilot.last["NodeList"].map {
          "CANCELLED by the user with uid \(uid), on \($0), after \(shortDuration(pilot.elapsed))"
        } ?? "CANCELLED while it waited")
    }
    #expect(titles("cancelled_by_run") == own.sorted())
  }
}
