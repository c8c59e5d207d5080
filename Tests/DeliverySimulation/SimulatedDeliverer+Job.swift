#if DEBUG || DUCT_SIMULATION
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  extension SimulatedDeliverer {
    /// The delivery of one file.
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
      /// False while the relay writes the log file itself.
      var isDelivered = true
      var isLast = false
      var isDone = false
      var hasFailed = false
      /// The content of info.json that is being written.
      var content: [UInt8] = []
      var wasMade = false

      var isGrowth: Bool { if case .growth = machine { true } else { false } }

      init(name: String, machine: Machine) { (self.name, self.machine) = (name, machine) }
    }
  }
#endif
