import TestSupport

/// What `sacct` prints about a job.
struct Accounted {
  private static let fields = [
    "JobIDRaw", "JobName", "User", "Account", "Partition", "QOS", "State", "ExitCode", "DerivedExitCode",
    "Submit",
    "Eligible", "Start", "End", "ElapsedRaw", "TimelimitRaw", "NodeList", "NNodes", "NCPUS", "ReqTRES",
    "AllocTRES",
    "WorkDir", "SubmitLine", "Cluster",
  ]
  private let values: [String: String]
  /// For each step: memory of its largest task and of all its tasks in bytes, CPU time in seconds.
  let steps: [(largest: Int64?, all: Int64?, seconds: Double)]
  let runs: Int

  init?(_ id: String, _ fixture: SlurmFixture) async throws {
    func rows(_ words: String..., fields: [String]) async throws -> [[String]] {
      let format = fields.joined(separator: ",")
      let result = try await run(
        "sacct", words + ["-nP", "--noconvert", "--delimiter=\u{1F}", "-j", id, "-o", format],
        in: fixture.sandbox,
        environment: fixture.testbed.environment.merging(["SLURM_TIME_FORMAT": "%s"]) { $1 })
      return result.stdout.split(separator: "\n").map {
        $0.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
      }
    }
    guard let row = try await rows("-X", fields: Self.fields).first else { return nil }
    values = Dictionary(uniqueKeysWithValues: zip(Self.fields, row))
    // Leave out the other components of a heterogeneous job.
    runs = try await rows("-X", "-D", fields: ["JobIDRaw"]).count { $0 == [row[0]] }
    steps = try await rows(fields: ["JobID", "TRESUsageInMax", "TRESUsageInTot", "TotalCPU"]).filter {
      $0[0].contains(".")
    }.map { (Self.memory($0[1]), Self.memory($0[2]), Self.seconds($0[3])) }
  }

  /// A field that sacct prints as not set is nil.
  subscript(name: String) -> String? {
    let empty = ["", "Unknown", "None", "None assigned", "UNLIMITED", "Partition_Limit"]
    return values[name].flatMap { empty.contains($0) ? nil : $0 }
  }

  private static func memory(_ use: String) -> Int64? {
    use.split(separator: ",").first { $0.hasPrefix("mem=") }.flatMap { Int64($0.dropFirst(4)) }
  }

  /// `[[hours:]minutes:]seconds[.thousandths]`.
  private static func seconds(_ text: String) -> Double {
    text.split(separator: ":").reduce(0) { $0 * 60 + (Double($1) ?? 0) }
  }
}

/// What `scontrol show job` prints about a job, as long as slurmctld has it.
struct ControlledJob {
  private let values: [String: String]

  init(_ id: String, _ fixture: SlurmFixture) async throws {
    let result = try await run(
      "scontrol", ["-d", "-o", "show", "job", id], in: fixture.sandbox,
      environment: fixture.testbed.environment.merging(["SLURM_TIME_FORMAT": "%s"]) { $1 })
    var values: [String: String] = [:]
    for word in result.stdout.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if parts.count == 2, values[parts[0]] == nil { values[parts[0]] = parts[1] }
    }
    self.values = values
  }

  subscript(name: String) -> String? {
    let empty = ["", "Unknown", "None", "(null)", "UNLIMITED", "N/A"]
    return values[name].flatMap { empty.contains($0) ? nil : $0 }
  }

  var isKnown: Bool { values["JobId"] != nil }
}
