import RecordText
import TestSupport
import Testing

/// No test machine has a GPU. A fake library answers as NVML does, so these tests check only how duct calls NVML.
/// They do not test what real GPUs report.
@Suite struct GPUTests {
  private let sandbox: Sandbox
  init() throws { sandbox = try Sandbox() }

  private static let library = """
    #include <stdio.h>
    #include <string.h>
    struct process { unsigned pid; unsigned long long memory; unsigned instance, compute; };
    struct sample { unsigned pid; unsigned long long time; unsigned sm, memory, encoder, decoder; };
    static unsigned pid(void) { unsigned n = 0; FILE *f = fopen("pid", "r"); if (f) { if (fscanf(f, "%u", &n) != 1) n = 0; fclose(f); } return n; }
    int nvmlInit_v2(void) { return 0; }
    int nvmlShutdown(void) { FILE *f = fopen("closed", "w"); if (f) fclose(f); return 0; }
    int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device) { *device = (void *)(i + 1ul); return 0; }
    int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *n, struct process *out) {
      if (*n < 2) { *n = 2; return 7; }
      out[0] = (struct process){ pid(), 1000 * (unsigned long)device, 0, 0 };
      out[1] = (struct process){ 1, ~0ull, 0, 0 };
      *n = 2;
      return 0;
    }
    int nvmlDeviceGetProcessUtilization(void *device, struct sample *out, unsigned *n, unsigned long long since) {
      if (!out) { *n = 2; return 7; }
      out[0] = (struct sample){ pid(), since + 1, 20, 0, 0, 0 };
      out[1] = (struct sample){ pid(), since + 2, 40, 0, 0, 0 };
      *n = 2;
      return 0;
    }
    """

  @Test func useIsAddedUpOverGPUs() async throws {
    try sandbox.write(Self.library, to: "nvml.c")
    let built = try await run("gcc", ["-shared", "-fPIC", "-o", "libnvidia-ml.so.1", "nvml.c"], in: sandbox)
    #expect(built.code == 0, "\(built.stderr)")
    try sandbox.write("#!/bin/sh\nexit 9\n", to: "nvidia-smi", executable: true)
    let script = "PATH=$PWD:$PATH LD_LIBRARY_PATH=$PWD exec \"$0\" -q --s-i 0.1 --r-i 0.1 -p log_ bash -c "
    // usage.jsonl also contains this command line, so the pattern is written in a way that does not match itself.
    let isSeen = "grep -qs \"gpu_memory.: 300[0]\" log_usage.jsonl"
    let command = "'echo $$ > pid; until \(isSeen); do sleep 0.1; done'"
    let result = try await run("bash", ["-c", script + command, Programs.duct], in: sandbox)
    #expect(result.code == 0, "\(result.stderr)")
    let text = try sandbox.text("log_usage.jsonl")
    #expect(text.contains("\"gpu_memory\": 3000, \"gpu_utilization\": 60.0"))
  }

  @Test func withoutNVMLNothingIsSaid() async throws {
    try sandbox.write("#!/bin/sh\nexit 9\n", to: "nvidia-smi", executable: true)
    let script = "PATH=$PWD:$PATH exec \"$0\" -p log_ sleep 0.2"
    let result = try await run("bash", ["-c", script, Programs.duct], in: sandbox)
    #expect(result.code == 0 && !result.stderr.contains("GPU"))
    #expect(try sandbox.text("log_usage.jsonl").contains("\"gpu_memory\": null"))
    let told = try await run(
      "bash", ["-c", script.replacing("-p log_", with: "-l debug -p told_"), Programs.duct], in: sandbox)
    #expect(told.stderr.contains("Use of GPUs is not recorded"))
  }
}
