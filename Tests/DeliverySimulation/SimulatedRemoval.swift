#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  /// The removal of a run's files from the log directory. Each step is one action, as with a deliverer.
  final class SimulatedRemoval {
    private let fileSystem: SimulatedFileSystem
    private let status: RelayStatus
    private var left: [(name: String, target: RelayStatus.Target)] = [
      ("stdout", .stdout), ("stderr", .stderr), ("info", .info),
    ]
    private var machine: FileRemoval?
    private var next = FileRemoval.Action.finished
    private var attempts = DeliveryAttempts(mayMakeDirectory: false)
    private(set) var hasFailed = false

    init(_ fileSystem: SimulatedFileSystem, _ status: RelayStatus) {
      (self.fileSystem, self.status) = (fileSystem, status)
    }

    var isDone: Bool { left.isEmpty }

    /// Whether the next action renames over a name. See `SimulatedDeliverer.isBetweenLookAndCall`.
    var isBetweenLookAndCall: Bool {
      if case .move(_, to: .place) = next, machine != nil { return true }
      return false
    }

    /// - Returns: a description of what was done.
    func step(_ chance: inout SimulatedChance) -> String {
      guard let (name, target) = left.first else { return "" }
      guard var machine else {
        start(target)
        return "\(name): removal"
      }
      switch next {
      case .finished:
        status.forget(target)
        end()
      case .failed(_, let error):
        if attempts.failed(error) != .giveUp {
          start(target)
        } else {
          hasFailed = true
          end()
        }
      default:
        let (action, event) = (next, perform(next, name, &chance))
        next = machine.step(event)
        self.machine = machine
        return "\(name): \(action) -> \(event)"
      }
      return "\(name): \(next)"
    }

    private func start(_ target: RelayStatus.Target) {
      var machine = FileRemoval(status.notes(of: target), owner: 1000)
      next = machine.begin()
      self.machine = machine
    }

    private func end() {
      left.removeFirst()
      machine = nil
      attempts = DeliveryAttempts(mayMakeDirectory: false)
    }

    private func perform(
      _ action: FileRemoval.Action, _ name: String, _ chance: inout SimulatedChance
    ) -> FileRemoval.Event {
      func spelled(_ target: TargetName) -> String { SimulatedDeliverer.spelled(name, target) }
      do throws(Errno) {
        switch action {
        case .look(let name): return try fileSystem.look(spelled(name), &chance).map { .found($0) } ?? .absent
        case .move(let from, let to): try fileSystem.move(spelled(from), spelled(to), &chance)
        case .giveName(let from, let to): try fileSystem.giveName(spelled(from), spelled(to), &chance)
        case .remove(let name): try fileSystem.remove(spelled(name), &chance)
        case .lookAtDirectory:
          if let outage = fileSystem.outage { throw outage }
          if fileSystem.isAway || fileSystem.isMissing { return .absent }
          return .found(
            FileIdentity(device: 1, inode: 1, size: 0, modification: .init(seconds: 0, nanoseconds: 0)))
        case .finished, .failed: break
        }
        return .done
      } catch { return .failed(error) }
    }
  }
#endif
