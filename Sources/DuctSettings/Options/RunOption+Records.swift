internal import DuctRecords
internal import RecordText

extension RunOption {
  static let records = Group(
    title: "Records",
    options: [
      RunOption(
        "--output-prefix", short: "-p", takes: "prefix",
        Value(.text, show: { $0.outputPrefix ?? RunSettings.Defaults.outputPrefix }) {
          settings, text, surroundings throws(UsageError) in
          settings.outputPrefix = surroundings.expandHome(text)
        },
        variable: "DUCT_OUTPUT_PREFIX",
        help: """
          What the paths of the records start with. duct replaces `{datetime}`, `{pid}`, `{hostname}`, `{user}`, \
          `{slurm}`, `{slurm_job_id}`, `{slurm_array_task_id}`, `{slurm_step_id}`, `{slurm_procid}` and \
          `{slurm_restart_count}`, and creates missing directories.
          """,
        details: """
          Those that begin with `slurm` are `none` where Slurm does not set them. `{slurm}` is `118` in the script of a \
          job, `200_3.0.15` in task 15 of step 0 of an array task, and `118-restart1` after a requeue. Without this \
          option, records in a job begin with `.duct/logs/{datetime}-{slurm}-{pid}_`, and `{pid}` in a container also \
          has the random part of the run id. If that name exists already, the run takes another one, with `4711.2_` in \
          place of `4711_`, also with `--clobber`.
          """),
      RunOption("--clobber", .flag(\.clobber), help: "Replace records that already exist."),
      RunOption(
        "--capture-outputs", short: "-c", takes: "streams", .choice(\.captureOutputs),
        variable: "DUCT_CAPTURE_OUTPUTS",
        help: "Which output of the command duct stores in files."),
      RunOption(
        "--outputs", short: "-o", takes: "streams", .choice(\.outputs), variable: "DUCT_OUTPUTS",
        help: "Which output of the command duct shows on its own standard output and standard error."),
      RunOption(
        "--record-types", short: "-t", takes: "records", .choice(\.recordTypes),
        help: "Which records duct writes in addition to the output.",
        details: "`system-summary` is `info.json` alone, `processes-samples` is `usage.jsonl` alone."),
      RunOption(
        "--message", short: "-m", takes: "text", .text(\.message, mayStartWithDash: true),
        variable: "DUCT_MESSAGE",
        help: "A note on what this run is for, stored in info.json."),
      RunOption(
        "--campaign", takes: "name",
        Value(.text) { settings, text, _ throws(UsageError) in settings.campaign = text },
        variable: "DUCT_CAMPAIGN",
        help: "A name that several runs share, stored in info.json.",
        details: """
          `con-duct report --campaign` selects the runs with this name. duct hands it down to the command in \
          `DUCT_CAMPAIGN`, so that runs inside of its jobs have it too, and the id of this run in `DUCT_PARENT_RUN`.
          """),
      RunOption(
        "--fail-time", alias: "--f-t", takes: "seconds", .seconds(\.failTime, Seconds.any),
        variable: "DUCT_FAIL_TIME",
        help: """
          Remove the records of a command that fails in less than this time, unless it submitted jobs. 0 keeps \
          all records, -1 keeps none of a failed command.
          """,
        details: "`inf` is the same as `-1`."),
    ])
}
