import Glibc
import TestSupport
import Testing

/// When duct samples the processes.
@Suite struct SampleTests: SampledSuite {
  let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  /// Even a run that is much shorter than the sample interval has samples.
  @Test func shortRunsHaveNumbers() async throws {
    _ = try await python(Self.burn + "burn(0.03)", options: ["-q", "--sample-interval", "60"])
    #expect(try #require(try summary("num_samples")) >= 1)
    #expect(try #require(try summary("peak_pcpu")) > 0)
    #expect(try #require(try summary("cpu_seconds")) >= 0.03)
    _ = try await duct(["-q", "--clobber", "true"], in: sandbox)
    let count = try #require(try summary("num_samples"))
    #expect(count >= 1)
    #expect(Double(try sandbox.usage().count) == count, "each is reported by itself")
  }

  /// In the first milliseconds the CPU percentage is unreliable, since the kernel's clock and duct's differ by more
  /// than that. duct must not record it as the peak.
  @Test func theStartIsNoPeak() async throws {
    _ = try await duct(["-q", "--slurm", "off", "sleep", "1.2"], in: sandbox)
    let (peak, mean) = (
      try #require(try summary("peak_pcpu")), try #require(try summary("average_pcpu"))
    )
    #expect(peak >= mean - 0.01 && peak <= mean * 3 + 0.5, "\(peak) \(mean)")
    for line in try sandbox.usage().dropFirst() {
      #expect(line["totals"]?["pcpu"]?.double ?? .infinity <= peak)
    }
  }

  /// Samples that duct missed while it was stopped are counted.
  @Test func missedSamplesAreCounted() async throws {
    _ = try await duct(Self.options + ["sleep", "1.2"], in: sandbox) { [sandbox] pid in
      try await eventually { sandbox.exists("log_usage.jsonl") }
      kill(pid, SIGSTOP)
      try await eventually { Proc.state(pid) == "T" }
      _ = try await run("sleep", ["0.5"], in: sandbox)
      kill(pid, SIGCONT)
    }
    let (missed, taken) = (
      try #require(try summary("samples_missed")), try #require(try summary("num_samples"))
    )
    #expect(missed >= 5)
    let due = try #require(try summary("wall_clock_time")) / 0.05
    #expect(missed + taken <= due + 4, "with the first and the last")
  }
}
