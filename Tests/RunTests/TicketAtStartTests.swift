import Glibc
import TestSupport
import Testing

/// The warning at the start of a run that the Kerberos ticket ends before the run may. The KDC and klist are real; a mount
/// table in place of the process's own says that the log directory needs a ticket.
@Suite(.needs(.root))
struct TicketAtStartTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Brings up a KDC, gets a ticket of ten hours, and runs duct three times, in the mount namespace of this script.
  private static let script = #"""
    set -e
    top=$PWD
    port=$((20000 + $$ % 10000))
    export KRB5_CONFIG=$top/krb5.conf KRB5_KDC_PROFILE=$top/kdc.conf KRB5CCNAME=FILE:$top/cache
    cat > krb5.conf <<END
    [libdefaults]
     default_realm = EXAMPLE.ORG
     dns_lookup_kdc = false
     rdns = false
    [realms]
     EXAMPLE.ORG = {
      kdc = 127.0.0.1:$port
     }
    END
    cat > kdc.conf <<END
    [kdcdefaults]
     kdc_listen = 127.0.0.1:$port
     kdc_tcp_listen = 127.0.0.1:$port
    [realms]
     EXAMPLE.ORG = {
      database_name = $top/principal
      key_stash_file = $top/stash
      max_life = 1d
      max_renewable_life = 7d
     }
    END
    PATH=$PATH:/usr/sbin
    {
      kdb5_util create -s -P master
      kadmin.local -q "addprinc -pw secret ada"
      kadmin.local -q "modprinc -maxrenewlife 7d ada"
      kadmin.local -q "modprinc -maxrenewlife 7d krbtgt/EXAMPLE.ORG"
    } > kdc.log 2>&1
    setpriv --pdeathsig KILL krb5kdc -n >> kdc.log 2>&1 &
    trap "kill $!" EXIT
    for try in $(seq 100); do
      ! echo secret | kinit -l 10h -r 5d ada >> kdc.log 2>&1 || break
      sleep 0.1
    done
    klist > klist.txt
    mkdir logs
    printf '24 1 0:30 / / rw - ext4 /dev/sda rw\n30 24 0:31 / %s/logs rw - nfs4 server:/home rw,sec=krb5p\n' "$top" > mounts
    duct() { # PREFIX COMMAND...: duct sees the table `mounts`
      sh -c 'mount --bind mounts /proc/$$/mountinfo && exec "$DUCT" --slurm off -p "$@"' - "$@"
    }
    duct logs/a_ sh -c 'sleep 6; exit 3' 2> outside.txt || echo $?
    SLURM_JOB_END_TIME=$(($(date +%s) + 3600)) duct logs/b_ sleep 6 2> within.txt
    duct logs/c_ true 2> short.txt
    """#

  @Test func aTicketThatEndsInTenHours() async throws {
    let result = try await run(
      "unshare", ["-m", "bash", "-c", Self.script], in: sandbox, environment: ["DUCT": Programs.duct],
      limit: 60)
    let log = try sandbox.text("kdc.log")
    #expect(result.code == 0 && result.stdout == "3\n", "\(result) \(log)")
    let outside = try sandbox.text("outside.txt")
    #expect(outside.contains("[WARNING ] con-duct: The Kerberos ticket for logs ends at "), "\(outside)")
    #expect(outside.contains("krenew") && outside.contains("in 09:59:"), "\(outside)")
    for name in ["within.txt", "short.txt"] {
      #expect(
        !(try sandbox.text(name).contains("ticket")), "the job ends before the ticket, or the command at once"
      )
    }
  }
}
