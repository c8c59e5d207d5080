internal import DuctRecords
internal import RecordText
internal import SystemPackage

extension RunOption {
  static let delivery = Group(
    title: "Delivery",
    options: [
      RunOption(
        "--local-first", takes: "when", .choice(\.localFirst), variable: "DUCT_LOCAL_FIRST",
        help: """
          Whether duct writes output and records to local disk first and delivers them to the log directory from \
          there: `auto` (if the log directory is on a network or unknown file system), `always` or `never`.
          """,
        details: """
          If duct could not identify a file later, because its file system reports neither handles nor the time \
          of birth, output goes to local disk first in any case.
          """),
      RunOption(
        "--spool-dir", takes: "directory",
        Value(.directory) { settings, text, surroundings throws(UsageError) in
          settings.spoolDirectory =
            text.isEmpty ? nil : FilePath(escaped: surroundings.expandHome(text))
        },
        variable: "DUCT_SPOOL_DIR",
        default: """
          the first usable one of `$TMPDIR`, `/var/tmp`, `/tmp`, `~/.local/state`, a folder with a random name in \
          `/var/tmp`, and `$XDG_RUNTIME_DIR`
          """,
        help: "A local directory for data that cannot be in the log directory yet."),
      RunOption(
        "--spool-limit", takes: "size",
        Value(.size) { settings, text, _ throws(UsageError) in
          guard let count = ByteCount(rawValue: text) else {
            throw UsageError("'\(text)' is no size such as 500M or 2G")
          }
          settings.spoolLimit = count.bytes
        },
        variable: "DUCT_SPOOL_LIMIT", default: "none, but the last 5 % of the disk stay free",
        help: """
          How much output may wait on local disk, such as `500M` or `2G`. Beyond that, duct drops the middle of \
          the output.
          """,
        details: "A mark in the output says how many bytes duct dropped."),
      RunOption(
        "--finalize-timeout", takes: "seconds",
        .seconds(\.finalizeTimeout, Seconds.raised(to: shortestFinalizing)),
        variable: "DUCT_FINALIZE_TIMEOUT",
        help: "Seconds that writing the records may take at the end of the run; at least 0.2."),
      RunOption(
        "--renew-ticket", takes: "cache", .choice(\.renewTicket, alone: .own), variable: "DUCT_RENEW_TICKET",
        help: """
          Keep a Kerberos ticket alive while the command runs: a copy for the run (`own`, as with no value), which a \
          logout does not destroy, or the user's own (`shared`).
          """,
        details: """
          The ticket must be renewable (`kinit -r 7d`). duct renews it after half of its life. The copy is \
          `/tmp/krb5cc_UID_duct-RUNID`, where rpc.gssd finds it for Kerberos NFS; it is removed at the end of the \
          run. The command's environment does not change, so its own Kerberos programs use the user's cache. After \
          a renewal, `aklog` gets AFS tokens, where it is installed. Needs libkrb5 of MIT on the host. A failure is \
          told, and the run goes on.
          """),
    ])

  /// Writing the records takes this long on any disk that does not hang, so less time would only lose them. Seconds.
  private static let shortestFinalizing = 0.2
}
