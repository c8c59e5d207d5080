internal import DuctRecords
internal import RecordText
internal import SlurmJobs
internal import SystemPackage

extension RunOption {
  static let slurm = Group(
    title: "Slurm",
    options: [
      RunOption(
        "--slurm", takes: "when", .choice(\.slurm), variable: "DUCT_SLURM",
        help: """
          Whether duct asks Slurm: `auto` (if it finds a configuration), `on` (with a warning if it cannot ask) \
          or `off`.
          """,
        details: "Without a configuration, `auto` is silent."),
      RunOption(
        "--slurm-by", takes: "way", .choice(\.slurmBy), variable: "DUCT_SLURM_BY",
        help: """
          How duct asks Slurm: through its `library`, through its `commands`, or `auto`: through the commands if \
          the library cannot be used.
          """,
        details: "The commands are squeue, sacct and scontrol."),
      RunOption(
        "--slurm-tag", takes: "when", .choice(\.slurmTag), variable: "DUCT_SLURM_TAG",
        help: """
          Whether duct tags jobs with a wckey, which identifies them for certain: `auto` (unless the site uses \
          wckeys or you have set one) or `off`.
          """),
      RunOption(
        "--slurm-detect", takes: "evidence",
        Value(.text) { settings, text, _ throws(UsageError) in settings.slurmDetect = try evidence(text) },
        variable: "DUCT_SLURM_DETECT", default: "`tag,session,output`",
        help: """
          The evidence by which duct detects the command's jobs: `tag`, `session` and `output`, separated by \
          commas, or `none`.
          """),
      RunOption(
        "--slurm-timeout", takes: "seconds", .seconds(\.slurmTimeout, Seconds.atLeast(0)),
        variable: "DUCT_SLURM_TIMEOUT",
        help: "Seconds to wait for an answer from Slurm; at the end of the run, for all answers together."),
      RunOption(
        "--wait-jobs", .flag(\.waitJobs), help: "Stay until all submitted jobs have ended.",
        details: "Ctrl-C ends the waiting, not the jobs."),
      RunOption(
        "--jobs-exit-code", .flag(\.jobsExitCode),
        help: """
          End with exit code 1 if the command ended with 0 and one of its jobs did not end well; goes with \
          `--wait-jobs`.
          """,
        details: """
          A job did not end well if it failed, if one of its steps failed, if it never starts, or if its state is \
          not known. info.json has the command's own exit code.
          """),
    ])

  private static func evidence(_ text: String) throws(UsageError) -> Set<JobEvidence> {
    var evidence: Set<JobEvidence> = []
    for word in text.split(separator: ",") where word != "none" {
      guard let kind = JobEvidence(rawValue: String(word).trimmed) else {
        let choices = JobEvidence.allCases.map(\.rawValue) + ["none"]
        throw UsageError("'\(word)' \(Suggestion.refusal(of: String(word).trimmed, choices: choices))")
      }
      evidence.insert(kind)
    }
    return evidence
  }
}
