/// What the help of a run says besides its options.
enum RunDiscussion {
  static let text = """
    duct writes four records, with names that start with the output prefix: stdout and stderr (what the command \
    printed), usage.jsonl (its use of resources over time) and info.json (everything else, with the Slurm jobs that \
    the command submitted). The exit code is the command's own: 128+n if signal n ended it, 127 if it was not found, \
    126 if it could not be executed; 2 for usage errors of duct itself.

    Most options have an environment variable, which can also be set in .env files: /etc/duct/.env, \
    ${XDG_CONFIG_HOME:-~/.config}/duct/.env and .duct/.env, or those of DUCT_CONFIG_PATHS (separated by colons). The \
    command line wins over the environment, the environment over .env files, and later files over earlier ones.
    """
}
