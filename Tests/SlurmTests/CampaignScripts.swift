import TestSupport

/// A campaign as users have them: two orchestrators side by side, and a duct inside a job of the second one.
///
/// Each `sbatch` adds the id of its job to the file `ids`.
enum CampaignScripts {
  static func write(to sandbox: Sandbox) throws {
    try sandbox.write(failures, to: "failures.sh")
    try sandbox.write(pilots, to: "pilots.sh")
    try sandbox.write(nested, to: "nested.sh")
  }

  /// Jobs that the scripts submit: 45 and 10, and 5 by the nested duct.
  static let jobs = ["first_": 45, "second_": 10, "nested_": 5]
  /// The jobs that the second run cancels itself.
  static let ownCancellations = "pilot"

  /// Every way to fail, and what depends on it. The exit code is 1, so what this run cancels counts as a failure.
  private static let failures = #"""
    set -eu
    job() { sbatch --parsable -t 5 -J "$@" | tee -a ids; }
    again=$(job again --requeue --wrap '[ ${SLURM_RESTART_COUNT:-0} != 0 ] || exec sleep 300; sleep 1')
    job wide -N 3 --ntasks-per-node=2 --wrap '
      srun sleep 1; srun -N 2 -n 2 perl -e "\$x = q(x) x 30000000; sleep 2"'
    job late -t 1 --wrap 'exec sleep 300'
    job eats --mem=100M --wrap 'exec perl -e "\$x = q(x) x 300000000; sleep 30"'
    job prep --array=0-15 --wrap 'sleep 1; exit $((SLURM_ARRAY_TASK_ID % 5 == 3 ? 3 : 0))'
    job pair --array=1-3%1 -c 2 --wrap 'sleep 1; exit $((SLURM_ARRAY_TASK_ID == 2 ? 6 : 0))'
    missing=$(job missing --wrap 'no-such-program')
    job killed --wrap 'kill -9 $$'
    job child --wrap 'sh -c "kill -11 \$\$"; exit $?'
    job step --wrap 'srun sh -c "kill -9 \$\$"; exit 0'
    first=$(job chain-1 --wrap 'sleep 1')
    second=$(job chain-2 -d afterok:$first --wrap 'sleep 1; echo ValueError: no mesh >&2; exit 4')
    job chain-3 -d afternotok:$second --wrap true
    job never -d afterok:$missing --wrap true
    held=$(job held -H --wrap true)
    waits=$(job waits --array=1-12 -d afterany:$held --wrap true)
    stops=$(job stops --wrap 'exec sleep 300')
    until [ "$(squeue -h -j $again,$stops -t R -o %i | wc -l)" = 2 ]; do sleep 0.1; done
    scontrol requeue $again
    until [ "$(squeue -h -j $again -t PD -o %T)" = PENDING ]; do sleep 0.1; done
    # Slurm would wait for two minutes. slurmd refuses a job that starts again within the second in which it was killed.
    scontrol update jobid=$again StartTime=now+3
    scancel $stops $waits
    exit 1
    """#

  /// Pilot jobs, which the run ends itself, and short jobs.
  private static let pilots = #"""
    set -eu
    job() { sbatch --parsable -t 5 -J "$@" | tee -a ids; }
    pilot=$(job pilot --wrap 'exec sleep 300')
    spare=$(job pilot -H --wrap 'exec sleep 300')
    for i in 1 2 3 4 5 6; do job short --wrap 'sleep 1'; done
    job outer --wrap "'$DUCT' -p nested_ --fail-time 0 --wait-jobs bash nested.sh"
    until [ "$(squeue -h -j $pilot -t R -o %i | wc -l)" = 1 ]; do sleep 0.1; done
    job after -W --wrap 'sleep 1'
    scancel $pilot $spare
    """#

  private static let nested = #"""
    set -eu
    sbatch --parsable -t 5 -J inner --array=1-4 --wrap 'exit $((SLURM_ARRAY_TASK_ID == 4))' | tee -a ids
    sbatch --parsable -t 5 -J inner-2 --wrap true | tee -a ids
    """#

  /// What the report says of the jobs that need attention, by name; without the node and the time.
  static func attention(uid: UInt32) -> [String: String] {
    [
      "late": "TIMEOUT, time limit reached",
      "eats":
        "FAILED, probably out of memory: killed (SIGKILL) after it had used 95 % or more of its memory",
      "prep": "FAILED, exit code 3", "pair": "FAILED, exit code 6", "missing": "FAILED, exit code 127",
      "killed": "FAILED, signal 9 (SIGKILL)", "child": "FAILED, exit code 139: signal 11 (SIGSEGV)",
      "step": "COMPLETED, but a step was ended by signal 9 (SIGKILL)", "chain-2": "FAILED, exit code 4",
      "never":
        "PENDING, does not start: a job that it depends on did not end as required, so it never starts",
      "held": "PENDING, does not start: it is held back, on request or after a failed launch",
      "waits": "CANCELLED while it waited", "stops": "CANCELLED by the user with uid \(uid)",
      "inner": "FAILED, exit code 1",
    ]
  }
}
