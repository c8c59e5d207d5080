import Glibc
internal import ProcessSampling
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

extension KernelFacts {
  /// Seconds that the driver of a GPU may take.
  private static let driverPatience = 3.0

  /// With the limits of this process.
  static func withLimits() -> KernelFacts {
    var facts = KernelFacts()
    facts.openFiles = Limit(RLIMIT_NOFILE)
    facts.core = Limit(RLIMIT_CORE)
    facts.fileSize = Limit(RLIMIT_FSIZE)
    facts.processes = Limit(__RLIMIT_NPROC)
    return facts
  }

  /// With everything else of this host, too. Blocks for at most `driverPatience`.
  func completed() -> KernelFacts {
    var facts = self
    do throws(Errno) { try openProcess(getpid()).closeQuietly() } catch { facts.pidfdError = error }
    facts.view = ProcNumbers.current.view
    facts.hidepid = Filesystem.mount(of: "/proc")?.value(of: "hidepid")
    facts.isRoot = geteuid() == 0
    facts.controlGroupVersion = SamplingFacilities.controlGroupVersion
    facts.gpu = GPU.look(within: Self.driverPatience)
    return facts
  }
}

extension KernelFacts.Limit {
  init(_ resource: __rlimit_resource) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else {
      self.init()
      return
    }
    func value(_ number: rlim_t) -> UInt64? { number == rlim_t.max ? nil : UInt64(number) }
    self.init(soft: value(limit.rlim_cur), hard: value(limit.rlim_max))
  }
}

extension KernelFacts.GPU {
  /// Loads the library on a thread of its own: a driver can hang.
  fileprivate static func look(within seconds: Double) -> Self {
    let aside = Aside("duct nvml") { () -> Self in
      do throws(Problem) {
        let count = try SamplingFacilities.gpus()
        return count > 0 ? .devices(count) : .none
      } catch {
        return access("/dev/nvidiactl", F_OK) == 0 ? .unusable(error.description) : .none
      }
    }
    return aside.value(within: seconds) ?? .hangs
  }
}
