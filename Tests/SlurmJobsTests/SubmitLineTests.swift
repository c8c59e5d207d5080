import SlurmJobs
import Testing

/// What a submit line tells although its quotes are lost.
@Suite struct SubmitLineTests {
  @Test func whereTheScriptBegins() throws {
    let line = try SubmitLine(
      "/usr/bin/sbatch -Hn4 --part debug -J name --mem=1G -a 1-9%2 --exclusive run.sh -n 5 x")
    #expect(line.script == ["run.sh", "-n", "5", "x"] && line.array == "1-9%2")
    #expect(
      line.words(array: "3,5%2") == [
        "/usr/bin/sbatch", "-Hn4", "--part", "debug", "-J", "name", "--mem=1G", "-a", "1-9%2", "--exclusive",
        "--array=3,5%2", "run.sh", "-n", "5", "x",
      ])
    #expect(line.words(array: nil).contains("--array=3,5%2") == false)
    #expect(try SubmitLine("sbatch run.sh").words(array: nil) == ["sbatch", "run.sh"])
    #expect(try SubmitLine("sbatch -d afterok:7 -D /x -M beta run.sh").dependency == "afterok:7")
  }

  /// sbatch would stay until the job has ended.
  @Test func waitIsLeftOut() throws {
    #expect(try SubmitLine("sbatch -W --wait -HW run.sh").words(array: nil) == ["sbatch", "-H", "run.sh"])
    #expect(
      try SubmitLine("sbatch -HWvn 4 -WQ run.sh").words(array: nil) == [
        "sbatch", "-Hvn", "4", "-Q", "run.sh",
      ])
  }

  @Test(
    arguments: [
      ("srun -n 4 ./solver", SubmitLine.Refusal.notOfSbatch("srun")), ("salloc", .notOfSbatch("salloc")),
      ("sbatch --wrap echo a b", .wrapped), ("sbatch -J x --wrap=true", .wrapped), ("sbatch", .standardInput),
      ("sbatch -J x", .standardInput), ("sbatch -J x -", .standardInput),
      ("sbatch -J my  job run.sh", .lostQuotes),
      ("sbatch -J 'x' run.sh", .lostQuotes), ("sbatch --comment=`x` run.sh", .lostQuotes),
      ("sbatch run.sh ", .lostQuotes), ("sbatch run.sh a\nb", .lostQuotes), ("", .lostQuotes),
      ("sbatch -J", .lostQuotes), ("sbatch --frobnicate run.sh", .unknownOption("--frobnicate")),
      ("sbatch -Z run.sh", .unknownOption("-Z")), ("sbatch --no run.sh", .unknownOption("--no")),
    ])
  func whatIsNotRunAgain(_ text: String, _ refusal: SubmitLine.Refusal) {
    #expect(throws: refusal, "\(text)") { try SubmitLine(text) }
  }
}
