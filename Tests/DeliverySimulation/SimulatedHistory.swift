#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import DuctRun
  @testable import OutputRelay
  @testable import ResilientIO

  /// One history of a run: the command, duct, its relay, its carrier, `recover`, the log directory and its other
  /// users. A seed determines every step.
  final class SimulatedHistory {
    /// The part of a seed's history that is performed.
    struct Plan {
      /// The number of steps until the end.
      var most = 4000
      /// The disturbances, by number, that are left out.
      var leftOut: Set<Int> = []
    }

    enum Kind: String, Sendable, CaseIterable {
      /// All output goes to the spool, and the carrier process delivers it.
      case delivered
      /// The relay writes the log files itself, on a local file system.
      case direct
      /// Like `delivered`, but calls in the log directory hang, for a while or until the process is killed.
      case hanging
    }

    struct Violation: Error, CustomStringConvertible {
      var description: String
    }

    /// Unchecked: a history runs on one thread.
    final class Wake: @unchecked Sendable { var isWanted = false }

    static let streamCount = 2
    /// The names of a run's files.
    static let names = ["stdout", "stderr", "info"]
    /// What the streams print. It has no NUL byte, so that holes are visible.
    static let text: [[UInt8]] = (0..<streamCount).map { index in
      var chance = SimulatedChance(seed: UInt64(index) + 77)
      return (0..<(1 << 20)).map { _ in UInt8(1 + chance.below(255)) }
    }

    let kind: Kind
    var chance: SimulatedChance
    let fileSystem: SimulatedFileSystem
    let status: RelayStatus
    /// The copy of the page in the spool.
    let copy: FileDescriptor
    var stores: [SimulatedStores] = []
    let kept: Int
    let spoolLimit: Int?
    let memoryLimit = 24 << 10
    let hasRivals: Bool
    let removes: Bool
    let leavesDaemon: Bool

    // The state of the history.
    var printed = [0, 0]
    let toPrint: [Int]
    var commandHasEnded = false
    var pipesHaveEnded = false
    var keepers: [StreamKeeper]?
    var relayIsAlive = true
    var ductIsAlive = true
    var carrier: SimulatedDeliverer?
    var carrierStarts = 0
    var carrierPause = 0
    var end = RunEnd()
    var endActions: [RunEnd.Action] = []
    var isEnding = false
    var infoNumber = 0
    /// Delivery has finished, or was given up.
    var isDelivered = false
    /// Whether the streams had ended when duct began to end the run.
    var hadEnded = false
    var wasDiscarded = false
    /// The carrier's removal of the files that it has delivered.
    var removal: SimulatedRemoval?
    var spoolIsGone = false
    /// The carrier's call does not return before this step.
    var hangsUntil = 0
    /// duct's request at the end that the relay move what is in the pipes.
    var syncRequest: UInt32?
    /// Copies, in the spool, of the beginnings of removed log files.
    var heads: [[UInt8]?] = [nil, nil]
    /// A directory that was moved away does not come back before this step.
    var awayUntil = 0
    let wake = Wake()

    var known = SimulatedEvidence()
    var trace: [String] = []
    let keepsTrace: Bool
    var steps = 0
    let plan: Plan
    /// The number of disturbances so far.
    var disturbances = 0

    init(seed: UInt64, kind: Kind, plan: Plan, keepsTrace: Bool = false) throws {
      self.kind = kind
      self.plan = plan
      self.keepsTrace = keepsTrace
      var chance = SimulatedChance(seed: seed)
      let isNetwork = chance.happens(600)
      // A file system that can exchange two names can also give a name only if no file has it.
      var traits = SimulatedTraits(
        hasExchange: !isNetwork, givesNewNames: chance.happens(900) || !isNetwork,
        tellsBirth: chance.happens(800),
        losesWrites: isNetwork && chance.happens(600), tellsAtCloseOnly: chance.happens(200))
      if kind == .direct {
        // duct treats a file system as local only if it reports creation times or has file handles.
        (traits.hasExchange, traits.givesNewNames, traits.tellsBirth) = (true, true, true)
        (traits.losesWrites, traits.tellsAtCloseOnly) = (false, false)
      }
      fileSystem = SimulatedFileSystem(traits)
      copy = try FileDescriptor.memory("page")
      status = try RelayStatus(fresh: copy)
      kept = chance.one(of: [0, 8 << 10, 64 << 10])
      spoolLimit = chance.happens(600) ? (16 << 10) + chance.below(64 << 10) : nil
      hasRivals = chance.happens(400)
      removes = chance.happens(100)
      leavesDaemon = chance.happens(150)
      let size = chance.one(of: [0, 300, 20 << 10, 100 << 10, 400 << 10])
      toPrint = [chance.below(size + 1), chance.below(size / 4 + 1)]
      status.setLimits(spool: spoolLimit, memory: memoryLimit)
      stores = (0..<Self.streamCount).map { _ in SimulatedStores(hasSpool: true) }
      if chance.happens(100) { for store in stores { store.stores[1] = nil } }
      if chance.happens(150) {
        for store in stores { store.stores[1]?.capacity = 4096 + chance.below(60 << 10) }
      }
      fileSystem.shortWrites = chance.happens(300)
      let failures = chance.one(of: [0, 0, 2, 20, 100])
      fileSystem.isMissing = chance.happens(200) && kind != .direct
      self.chance = chance
      if kind == .direct { try makeLogFiles() }
      fileSystem.failures = failures
      known.hadFaults = failures > 0
      note("\(fileSystem.traits), kept \(kept), rivals \(hasRivals), limit \(spoolLimit ?? -1)")
      startRelay()
      startCarrier()
    }

    func note(_ text: @autoclosure () -> String) {
      if keepsTrace { trace.append("\(steps): \(text())") }
    }

    // MARK: The history

    func run() throws {
      while steps < plan.most, !isOver {
        steps += 1
        step()
        try check()
      }
      try settle()
    }

    /// Whether no process of the run is left.
    var isOver: Bool { !ductIsAlive && !relayIsAlive && carrier == nil }

    func step() {
      if chance.happens(15), isDue { disturb() }
      if hasRivals, chance.happens(15), carrier?.isBetweenLookAndCall != true,
        removal?.isBetweenLookAndCall != true,
        isDue
      {
        rival()
      }
      if chance.happens(3), isDue { kill() }
      if kind == .hanging { hang() }
      switch chance.below(6) {
      case 0: command()
      case 1: relay()
      case 2, 3, 4:
        if !isHanging { carrier?.step(&chance) }
      default: duct()
      }
    }

    var isDue: Bool {
      disturbances += 1
      return !plan.leftOut.contains(disturbances - 1)
    }
  }
#endif
