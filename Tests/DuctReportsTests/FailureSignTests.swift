import Testing

@testable import DuctReports

@Suite struct FailureSignTests {
  private func found(_ line: String) -> FailureSearch.Found? {
    Array(line.utf8).withUnsafeBufferPointer(FailureSearch.find)
  }

  @Test(arguments: [
    "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-11-29T18:00:00 DUE TO TIME LIMIT ***",
    "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch. Some of the step tasks have been x.",
    "0: slurmstepd: error: *** STEP 12.0 ON n1 CANCELLED AT 2026-11-29T18:00:00 ***",
    "srun: error: n1: task 0: Exited with exit code 1",
    "s.sh: line 5: 11941 Killed                  sleep 100",
    "bash: line 1: 11997 Segmentation fault      ./seg", "Segmentation fault (core dumped)", "Bus error",
    "[Sun Nov 29] oom-kill:constraint=CONSTRAINT_MEMCG", "[n1:1] *** Process received signal SIGSEGV",
    "Exception in thread \"main\" java.lang.RuntimeException: outer", "Caused by: java.io.IOException: x",
    "thread 'main' (11983) panicked at p.rs:1:54:", "panic: runtime error: index out of range",
    "terminate called after throwing an instance of 'std::runtime_error'", "Error in f(x) : boom",
    "forrtl: severe (174): SIGSEGV, segmentation fault occurred",
    "ERROR: LoadError: UndefVarError: `x` not defined",
    "MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD",
    "PRTE has lost communication with a daemon",
    "application called MPI_Abort(MPI_COMM_WORLD, 1) - process 0",
    "mpirun noticed that process rank 1 exited",
    "RuntimeError: CUDA error: device-side assert triggered", "torch.OutOfMemoryError: CUDA out of memory.",
    "s.sh: line 3: nosuchcmd: command not found", "write: No space left on device", "cp: Disk quota exceeded",
  ]) func whatEndedAProgram(_ line: String) {
    #expect(found(line)?.weight == .cause)
  }

  @Test(arguments: [
    "ERROR: cannot open file", "2026-11-29 18:00:00,123 ERROR [main] x", "[error] x",
    "Error: object 'x' not found",
    "ValueError: bad", "java.lang.IllegalStateException: x", "KeyboardInterrupt", "FATAL: x",
    "fatal: not a repository",
    "curl: (22) The requested URL returned error: 404",
    "/src/b.cc:3:5: error: use of undeclared identifier 'x'",
    "ERROR: 0 files found", "{\"error\": \"disk full\"}", "level=error msg=x", "Execution halted", "OSError",
    "cat: /nonexistent: No such file or directory", "bash: ./a: Permission denied", "UNSET: unbound variable",
    "FAILED tests/test_b.py::test_x - assert 1 == 2", "ERROR 2026-11-29: x", "Error opening x",
    "error: 127.0.0.1 refused",
  ]) func whatAProgramCallsAnError(_ line: String) {
    #expect(found(line)?.weight == .error)
  }

  @Test(arguments: [
    "it failed to start", "3 errors generated.", "make: *** [all] Error 2", "exited with error 5",
    "process was killed",
    "cannot stat x", "1 failed, 119 passed", "an exception was thrown", "aborting", "could not connect",
    "Failed.",
    "WARNING: an error: x", "10 errors", "(error)", "took 1.0 error", "Finished with errors.", "an error...",
  ]) func hints(_ line: String) {
    #expect(found(line)?.weight == .hint)
  }

  @Test(arguments: [
    "", "e", "text", "0 errors", "0 Errors, 3 warnings", "no error", "No errors found", "without error",
    "error: 0",
    "errors=0", "errors = 0", "ERRORS: 0", "Errors: none", "error: None", "\"error\": null", "error=false",
    "failed=0",
    "5 passed, 0 failed", "failed: 0 skipped: 2", "--fail-on-error", "./run --error x", "-Werror",
    "error.log",
    "/tmp/error/x", "see run.error", "log/error", "error_rate", "max_errors=3", "terror",
    "standard error 0.1",
    "relative error: 1.2e-05", "error = 0.0012", "error 0.5", "mean squared error: 0.34", "error rate",
    "error bars",
    "error-free", "non-fatal", "logger.error(x)", "$error", "WARNING: failed to pin memory", "UserWarning: x",
    "skilled",
    "The above exception was the direct cause of the following exception:", "canned", "Error bars are shown",
    "During handling of the above exception, another exception occurred:", "any errors", "failed: no",
  ]) func harmless(_ line: String) {
    #expect(found(line) == nil)
  }

  /// Of several signs in a line the one that tells most is kept visible.
  @Test func theSignThatTellsMost() {
    let line = "it failed: x.ValueError: bad"
    let range = found(line)?.range
    #expect(
      range.map { String(Array(line.utf8)[$0].map { Character(Unicode.Scalar($0)) }) } == "x.ValueError")
    #expect(found("Traceback (most recent call last):")?.weight == .traceback)
    #expect(found("something failed:")?.following == 1)
  }
}
