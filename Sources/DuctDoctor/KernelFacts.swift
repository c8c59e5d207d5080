internal import RecordText
internal import SystemCalls
internal import SystemPackage

/// What the kernel of this host lets duct do.
struct KernelFacts: Sendable {
  enum GPU: Sendable, Equatable {
    /// There is neither a device nor a library that shows one.
    case none
    case devices(Int)
    /// There is a device, and the library does not show it.
    case unusable(String)
    case hangs
  }

  /// A limit of setrlimit(2); nil: there is none.
  struct Limit: Sendable, Equatable {
    var soft: UInt64?
    var hard: UInt64?

    var text: String { soft.map { "\($0)" } ?? "unlimited" }
  }

  /// The error of pidfd_open(2); nil: it works.
  var pidfdError: Errno?
  var view = ProcNumbers.View.same
  /// The value of /proc's option hidepid; nil: it is not set.
  var hidepid: String?
  var isRoot = false
  var controlGroupVersion: Int?
  var openFiles = Limit()
  var core = Limit()
  var fileSize = Limit()
  var processes = Limit()
  var gpu = GPU.none

  /// duct and the relay need about 40 descriptors, and each process that duct watches takes another one.
  private static let enoughFiles: UInt64 = 256
  /// duct, the relay and the carrier have about 25 threads, which count as processes.
  private static let enoughProcesses: UInt64 = 64

  var findings: [Finding] {
    [pidfd, processTable, hidden, groups] + limits + [gpuFinding]
  }

  private func ok(_ check: String, _ text: String) -> Finding { Finding(.kernel, check, ok: text) }

  private func finding(_ check: String, _ level: Finding.Level, _ text: String, _ advice: String) -> Finding {
    Finding(.kernel, check, level, text, advice: advice)
  }

  private var pidfd: Finding {
    guard let pidfdError else { return ok("pidfd", "pidfd_open works") }
    return finding(
      "pidfd", .note,
      "pidfd_open fails with \(Problem(pidfdError)): the end of processes is seen a second late",
      "Have the container allow pidfd_open, or use Linux 5.3 or later")
  }

  private var processTable: Finding {
    switch view {
    case .same: ok("proc", "/proc shows the processes of this pid namespace")
    case .outer(let level):
      ok("proc", "/proc shows a pid namespace \(level) above this one; duct translates its numbers")
    case .foreign:
      finding(
        "proc", .warning, "/proc is not there, or does not show this process: a run has no samples",
        "Mount the /proc of this pid namespace")
    }
  }

  private var hidden: Finding {
    guard let hidepid, !["0", "off"].contains(hidepid), !isRoot else {
      return ok("hidepid", "/proc does not hide processes")
    }
    return finding(
      "hidepid", .note, "/proc hides the processes of other users (hidepid=\(hidepid))",
      "Nothing to do, unless the command starts programs as another user: these have no samples")
  }

  private var groups: Finding {
    guard let controlGroupVersion else {
      return finding(
        "cgroups", .note, "no control groups are mounted that hold this process",
        "Expect no limits of memory and CPU in the records")
    }
    return ok("cgroups", "control groups of version \(controlGroupVersion)")
  }

  private var limits: [Finding] {
    var found: [Finding] = []
    if let files = openFiles.soft, files < Self.enoughFiles {
      found.append(
        finding("nofile", .warning, "a process may have only \(files) open files", "Raise it: ulimit -n 1024")
      )
    }
    if let count = processes.soft, count < Self.enoughProcesses, !isRoot {
      found.append(
        finding("nproc", .warning, "you may have only \(count) processes and threads", "Raise it: ulimit -u"))
    }
    if let size = fileSize.hard {
      found.append(
        finding(
          "fsize", .warning,
          "no file may be larger than \(humanSize(Double(size))): output beyond it is dropped",
          "Have the hard limit raised (ulimit -Hf)"))
    } else if let size = fileSize.soft {
      found.append(
        finding(
          "fsize", .note,
          "the command may write no file larger than \(humanSize(Double(size))); duct's log files may be",
          "Raise it if the command needs more: ulimit -f unlimited"))
    }
    if found.isEmpty {
      found.append(
        ok(
          "limits",
          "open files \(openFiles.text), processes \(processes.text), file size \(fileSize.text), core \(core.text)"
        ))
    }
    return found
  }

  private var gpuFinding: Finding {
    switch gpu {
    case .none: ok("gpu", "there is no NVIDIA GPU")
    case .devices(let count): ok("gpu", "the use of \(count) GPU\(count == 1 ? "" : "s") can be read (NVML)")
    case .unusable(let reason):
      finding(
        "gpu", .warning, "there is a GPU whose use cannot be read: \(reason)",
        "Have libnvidia-ml.so.1 of the driver's release in the library path")
    case .hangs:
      finding(
        "gpu", .warning, "the driver of the GPU does not answer", "Try nvidia-smi, and ask the administrators"
      )
    }
  }
}
