internal import RecordText
internal import ResilientIO

/// What is known of the place where output waits that cannot be delivered.
struct SpoolFacts: Sendable {
  /// The folder; nil: no disk is suitable.
  var base: String?
  /// Places that a run would prefer, and why they are not suitable.
  var refused: [String] = []
  /// Whether the user chose the first place.
  var isChosen = false
  var mount: MountedFilesystem?
  var room: Room?
  /// Runs that are over and still have something there, and their bytes.
  var waiting = 0
  var waitingBytes = 0
  /// Spools whose contents are not trusted, with the reason.
  var untrusted: [String] = []
  /// `SLURM_JOB_ID`.
  var jobID: String?
  /// `XDG_RUNTIME_DIR`.
  var runtimeDirectory: String?

  var findings: [Finding] {
    guard let base else {
      let reasons = refused.isEmpty ? "" : " (\(refused.joined(separator: "; ")))"
      return [
        finding(
          "place", .warning,
          "no local disk can hold output that waits\(reasons): it is kept in memory, at most 64 MiB",
          "Give a directory on a local disk: --spool-dir")
      ] + leftovers
    }
    return [chosen(base), place(base), space].compactMap { $0 } + leftovers
  }

  private func finding(_ check: String, _ level: Finding.Level, _ text: String, _ advice: String) -> Finding {
    Finding(.spool, check, level, text, advice: advice)
  }

  private func chosen(_ base: String) -> Finding? {
    guard isChosen, let first = refused.first else { return nil }
    return finding(
      "chosen", .warning, "the chosen directory is not suitable (\(first)), so \(base) is taken",
      "Give another one: --spool-dir, DUCT_SPOOL_DIR")
  }

  private func place(_ base: String) -> Finding {
    let what = "\(base) is on \(mount?.type ?? "an unknown file system"), local"
    if let runtimeDirectory, !runtimeDirectory.isEmpty, base.hasPrefix(runtimeDirectory + "/") {
      return finding(
        "place", .warning, "\(what), in XDG_RUNTIME_DIR, which is removed at logout",
        "Give a directory that stays: --spool-dir")
    }
    if let jobID, mount?.isOfJob(jobID) == true {
      return finding(
        "place", .warning, "\(what), and private to job \(jobID): what waits there is lost when the job ends",
        "Give a directory of the node that stays: --spool-dir")
    }
    if mount?.isInMemory == true {
      return finding(
        "place", .note, "\(what), in memory: what waits there does not survive a restart of the host",
        "Give a directory on a disk if that matters: --spool-dir")
    }
    return Finding(.spool, "place", ok: "\(what), and survives a restart of the host")
  }

  private var space: Finding? {
    guard let room else { return nil }
    if !room.isScarce { return Finding(.spool, "room", ok: room.text) }
    return finding(
      "room", .warning, "only \(room.text)", "Remove files there, or give another directory: --spool-dir")
  }

  private var leftovers: [Finding] {
    var findings = untrusted.map {
      finding(
        "trust", .warning, $0, "Look into it yourself, and remove it; other users may have written there")
    }
    if waiting > 0 {
      let runs = waiting == 1 ? "1 run waits" : "\(waiting) runs wait"
      findings.append(
        finding(
          "waiting", .warning,
          "\(runs) for delivery" + (waitingBytes > 0 ? ", with \(humanSize(Double(waitingBytes)))" : ""),
          "Deliver them: con-duct recover"))
    } else if untrusted.isEmpty {
      findings.append(Finding(.spool, "waiting", ok: "no earlier run waits for delivery"))
    }
    return findings
  }
}

extension MountedFilesystem {
  /// Whether Slurm mounted a directory of the job here (job_container/tmpfs, namespace plugins), which it removes with
  /// the job.
  func isOfJob(_ id: String) -> Bool {
    root.split(separator: "/").contains { part in
      part == id || part.split(separator: ".").contains(Substring(id)) || part == "job_\(id)"
    }
  }
}
