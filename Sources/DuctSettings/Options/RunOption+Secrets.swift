internal import DuctRecords
internal import RecordText

extension RunOption {
  static let secrets = Group(
    title: "Secrets",
    options: [
      RunOption(
        "--redact", takes: "regex",
        Value(.text, mayStartWithDash: true, isList: true) { settings, text, _ throws(UsageError) in
          try settings.redaction.add(text)
        },
        variable: "DUCT_REDACT",
        help: """
          An extended regular expression, see regex(7). Records and log lines omit what it matches in command \
          lines and in values of the environment; if it has groups, only what the groups match. Can be given \
          several times.
          """,
        details: "Expressions on the command line replace the one of the variable."),
      RunOption(
        "--redact-secrets", takes: "when", .choice(\.redactSecrets), variable: "DUCT_REDACT_SECRETS",
        help: """
          Whether records and log lines omit values of variables and options whose names say that they are \
          secrets (`SLURM_JWT`, `HF_TOKEN`, a password).
          """,
        details: """
          These are variables of the environment with `TOKEN`, `PASSWORD` or `SECRET` in their names, or with \
          `_JWT` or `_KEY` at the end; such variables where a command line sets them; and options such as \
          `--password` or `--api-key`.
          """),
    ])
}
