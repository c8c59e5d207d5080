#if DEBUG || DUCT_SIMULATION
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  extension SimulatedDeliverer {
    /// One file.
    final class Job {
      enum Machine {
        case growth(FileDelivery, RenderedOutput)
        case replacement(FileReplacement)
      }

      enum Next {
        case growth(FileDelivery.Action)
        case replacement(FileReplacement.Action)
        case makeDirectory
      }

      let name: String
      var machine: Machine
      var next: Next?
      var attempts = DeliveryAttempts(mayMakeDirectory: false)
      var current: SimulatedFileSystem.Handle?
      var old: SimulatedFileSystem.Handle?
      var heldBack: Errno?
      var pause = 0
      /// It does not come to its file without delivery: the relay does not write it.
      var isDelivered = true
      var isLast = false
      var isDone = false
      var hasFailed = false
      /// Which content is being written.
      var content: [UInt8] = []
      var wasMade = false

      var isGrowth: Bool { if case .growth = machine { true } else { false } }

      init(name: String, machine: Machine) { (self.name, self.machine) = (name, machine) }
    }
  }
#endif
