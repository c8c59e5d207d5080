import TestSupport
import Testing

/// Bad input of `con-duct report` is one clear line and exit code 2, before Slurm is asked.
@Suite struct SourceArgumentTests {
  @Test(
    arguments: [
      (["--job", "x"], "--job: 'x' is no job id; give ids as 118, 200_3, 200_[1-9] or 118+1"),
      (["--job", "118,200_[1-"], "--job: '200_[1-' is no job id"),
      (["--job", ","], "--job: there is no job id in ','"),
      (["--job", "1_[5-3]"], "is no job id"), (["--job", "99999999999"], "is no job id"),
      (["--since", "monday"], "--since: 'monday' is no time; give one as for sacct"),
      (["--until", "now-1days", "--since", "now"], "--until is before --since"),
      (["--name", "a*"], "--name selects among the jobs of --user"),
      (["--job", "1", "--no-refresh"], "--job and --user ask Slurm; they do not go with --no-refresh"),
      (["--user", "no-such-user-here"], "--user: there is no user 'no-such-user-here' on this host"),
    ])
  func badInput(_ arguments: [String], _ message: String) async throws {
    let sandbox = try Sandbox()
    let result = try await run(Programs.conDuct, ["report"] + arguments, in: sandbox)
    #expect(result.code == 2 && result.stdout == "")
    #expect(
      result.stderr.contains(message) && result.stderr.split(separator: "\n").count == 1, "\(result.stderr)")
  }
}
