#if DEBUG || DUCT_SIMULATION
  import Glibc
  import SystemCalls
  import SystemPackage

  @testable import DuctCore
  @testable import OutputRelay
  @testable import ResilientIO

  /// One history of a run: the command, duct, its relay, its carrier, `recover`, the log directory and others who use
  /// it, step by step as a seed has it.
  final class SimulatedHistory {
    /// What is done of all that a seed would have happen.
    struct Plan {
      /// Steps until the end.
      var most = 4000
      /// Disturbances, by number, that do not happen.
      var leftOut: Set<Int> = []
    }

    struct Violation: Error, CustomStringConvertible {
      var description: String
    }

    /// A history runs on one thread.
    private final class Wake: @unchecked Sendable { var isWanted = false }

    private static let streamCount = 2
    /// What the streams print: never a NUL byte, so that a hole shows.
    private static let text: [[UInt8]] = (0..<streamCount).map { index in
      var chance = SimulatedChance(seed: UInt64(index) + 77)
      return (0..<(1 << 20)).map { _ in UInt8(1 + chance.below(255)) }
    }

    private var chance: SimulatedChance
    private let fileSystem: SimulatedFileSystem
    private let status: RelayStatus
    /// The copy of the page in the spool.
    private let copy: FileDescriptor
    private var stores: [SimulatedStores] = []
    private let kept: Int
    private let spoolLimit: Int?
    private let memoryLimit = 24 << 10
    private let hasRivals: Bool
    private let removes: Bool
    private let leavesDaemon: Bool

    // What goes on.
    private var printed = [0, 0]
    private let toPrint: [Int]
    private var commandHasEnded = false
    private var pipesHaveEnded = false
    private var keepers: [StreamKeeper]?
    private var relayIsAlive = true
    private var ductIsAlive = true
    private var carrier: SimulatedDeliverer?
    private var carrierStarts = 0
    private var carrierPause = 0
    private var end = RunEnd()
    private var endActions: [RunEnd.Action] = []
    private var isEnding = false
    private var discards = false
    private var infoNumber = 0
    private let wake = Wake()

    // What is known for the check.
    private var marked: [[Int: Range<Int>]] = [[:], [:]]
    private var maxReleased = [0, 0]
    private var wasTamperedWith = false
    private var lastPlaces: [String: String] = [:]
    private var wasKilled = false
    /// A store has lost bytes that were delivered already: nobody can mend with them what others do to the log file.
    private var storesLost = false
    private var hadFaults = false
    private var storesFailed = false
    private(set) var trace: [String] = []
    private let keepsTrace: Bool
    private(set) var steps = 0
    private let plan: Plan
    /// Disturbances so far.
    private(set) var disturbances = 0

    init(seed: UInt64, plan: Plan, keepsTrace: Bool = false) throws {
      self.plan = plan
      self.keepsTrace = keepsTrace
      var chance = SimulatedChance(seed: seed)
      let isNetwork = chance.happens(600)
      fileSystem = SimulatedFileSystem(
        SimulatedTraits(
          hasExchange: !isNetwork, givesNewNames: chance.happens(900), tellsBirth: chance.happens(800),
          losesWrites: isNetwork && chance.happens(600), tellsAtCloseOnly: chance.happens(200)))
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
      fileSystem.failures = chance.one(of: [0, 0, 2, 20, 100])
      fileSystem.isMissing = chance.happens(200)
      hadFaults = fileSystem.failures > 0
      self.chance = chance
      note("\(fileSystem.traits), kept \(kept), rivals \(hasRivals), limit \(spoolLimit ?? -1)")
      startRelay()
      startCarrier()
    }

    private func note(_ text: @autoclosure () -> String) {
      if keepsTrace { trace.append("\(steps): \(text())") }
    }

    // MARK: Processes

    private func startRelay() {
      keepers = (0..<Self.streamCount).map { index in
        let position = status.currentStore(stream: index).flatMap { stores[index].length($0) }
        return StreamKeeper(index: index, stores: stores[index], status: status, position: position)
      }
      relayIsAlive = true
      keepLimits()
    }

    private func keepLimits() {
      guard var keepers else { return }
      StreamKeeper.keep(memoryLimit, of: .memory, &keepers)
      if let spoolLimit { StreamKeeper.keep(spoolLimit, of: .spool, &keepers) }
      self.keepers = keepers
    }

    private func outputs(_ status: RelayStatus) -> [RenderedOutput] {
      (0..<Self.streamCount).map { index in
        RenderedOutput(stream: index, stores: stores[index], status: status, kept: kept) { [wake] in
          wake.isWanted = true
        }
      }
    }

    private func startCarrier() {
      carrierStarts += 1
      carrier = SimulatedDeliverer(fileSystem, status, outputs(status), isSuccessor: carrierStarts > 1)
      if keepsTrace { carrier?.log = { [unowned self] in note($0) } }
      if infoNumber > 0 { carrier?.info = info(infoNumber) }
      if isEnding { carrier?.isFinishing = true }
    }

    private func info(_ number: Int) -> [UInt8] { Array("{info \(number) of the run}".utf8) }

    // MARK: The whole of it

    func run() throws {
      while steps < plan.most, !isOver {
        steps += 1
        step()
        try check()
      }
      try settle()
    }

    /// Nobody of the run is there any more.
    private var isOver: Bool { !ductIsAlive && !relayIsAlive && carrier == nil }

    private func step() {
      if chance.happens(15), isDue { disturb() }
      if hasRivals, chance.happens(15), carrier?.isRenaming != true, isDue { rival() }
      if chance.happens(3), isDue { kill() }
      switch chance.below(6) {
      case 0: command()
      case 1: relay()
      case 2, 3, 4: stepCarrier()
      default: duct()
      }
    }

    private var isDue: Bool {
      disturbances += 1
      return !plan.leftOut.contains(disturbances - 1)
    }

    private func command() {
      if pipesHaveEnded { return }
      for index in 0..<Self.streamCount where printed[index] < toPrint[index] {
        // A pipe takes so much; the relay is what empties it.
        let room = (64 << 10) - (printed[index] - (keepers?[index].written ?? status[index].written))
        guard relayIsAlive, room > 0 else { continue }
        printed[index] += min(1 + chance.below(20 << 10), toPrint[index] - printed[index], room)
      }
      if printed == toPrint, chance.happens(200) {
        if leavesDaemon, !commandHasEnded {
          commandHasEnded = true
        } else {
          (commandHasEnded, pipesHaveEnded) = (true, true)
        }
        note("command ended, pipes \(pipesHaveEnded)")
      }
    }

    // MARK: The relay

    private func relay() {
      guard relayIsAlive, var keepers else { return }
      storesFailed = false
      let before = droppedBytes
      for index in keepers.indices {
        var tries = 0
        let before = keepers[index].written
        // One move.
        while keepers[index].written == before, before < printed[index], !keepers[index].isDone {
          tries += 1
          if tries > 50 { note("the relay is stuck"); stuck = true; break }
          let written = keepers[index].written
          let most = min(printed[index] - written, 20 << 10)
          guard let store = keepers[index].store else {
            storesFailed = true
            keepers[index].lose(most)
            continue
          }
          do throws(Errno) {
            let count = try stores[index].append(store, Self.text[index][written..<written + most])
            if chance.happens(2) {
              // Killed before it could tell of it.
              relayIsAlive = false
              self.keepers = nil
              wasKilled = true
              note("relay killed in mid-move")
              return
            }
            keepers[index].note(count)
          } catch {
            storesFailed = true
            note("store \(store) of stream \(index) fails: \(error)")
            keepers[index].storeFailed(error)
          }
        }
        if pipesHaveEnded, before == printed[index], !keepers[index].isDone {
          keepers[index].end()
          note("stream \(index) ended at \(printed[index])")
        }
      }
      let waiting = (1..<3).map { store in
        keepers.reduce(0) { $0 + independentlyWaiting($1, in: OutputStores.Kind(rawValue: store) ?? .spool) }
      }
      StreamKeeper.keep(memoryLimit, of: .memory, &keepers)
      if let spoolLimit { StreamKeeper.keep(spoolLimit, of: .spool, &keepers) }
      if wake.isWanted {
        wake.isWanted = false
        for index in keepers.indices { keepers[index].serveRequests() }
      }
      self.keepers = keepers
      if droppedBytes > before, !storesFailed, status.ending != .removed {
        let mayDrop = waiting[1] > memoryLimit || waiting[0] > spoolLimit ?? .max
        if !mayDrop { unjustified = "dropped \(droppedBytes - before) bytes while \(waiting) waited" }
      }
      let slack = StreamLimits.slack + 3 * StreamAccount.block
      for (kind, limit) in [(OutputStores.Kind.memory, memoryLimit as Int?), (.spool, spoolLimit)] {
        guard let limit else { continue }
        let held = (0..<Self.streamCount).reduce(0) { $0 + (stores[$1].stores[kind.rawValue]?.held ?? 0) }
        // What delivery has claimed is not dropped: it is a part of the limit at most, for each stream.
        let claimed = (0..<Self.streamCount).reduce(0) {
          $0
            + max(status.claimed(stream: $1) - max(status.proven(stream: $1), status.released(stream: $1)), 0)
        }
        if held > limit + slack + claimed, status.ending != .removed {
          unbounded =
            "\(kind) holds \(held) bytes, \(claimed) claimed, with a limit of \(limit); \(keepers.map(\.account))"
        }
      }
      if keepers.allSatisfy(\.isDone), !ductIsAlive || status.ending != .none { endRelay() }
    }

    private var stuck = false
    private var unjustified: String?
    private var unbounded: String?

    private var droppedBytes: Int {
      (0..<Self.streamCount).reduce(0) { sum, index in
        sum + status.dropped(stream: index).items.map(\.range.count).reduce(0, +)
      }
    }

    private func independentlyWaiting(_ keeper: StreamKeeper, in kind: OutputStores.Kind) -> Int {
      guard let start = status.start(of: kind.rawValue, stream: keeper.index) else { return 0 }
      let end = kind == .spool ? status.start(of: 2, stream: keeper.index) ?? keeper.written : keeper.written
      let first = max(start, status.proven(stream: keeper.index))
      guard first < end else { return 0 }
      let dropped = status.dropped(stream: keeper.index).items
      return end - first - dropped.reduce(0) { $0 + $1.range.clamped(to: first..<end).count }
    }

    /// The relay outlives duct, and is `recover` then; here that comes at the end.
    private func endRelay() {
      relayIsAlive = false
      keepers = nil
      note("relay ends")
    }

    // MARK: duct and its carrier

    private func duct() {
      guard ductIsAlive else {
        // Without duct the carrier hears of nothing more, and ends.
        if carrier != nil, chance.happens(100) { killCarrier() }
        return
      }
      if !relayIsAlive, !streamsHaveEnded, keepers == nil {
        note("another relay")
        return startRelay()
      }
      if carrier == nil, carrierStarts < 5, !isDelivered {
        carrierPause -= 1
        if carrierPause <= 0 {
          note("another carrier")
          startCarrier()
        }
        return
      }
      if !isEnding, chance.happens(150) {
        infoNumber += 1
        carrier?.info = info(infoNumber)
      }
      if commandHasEnded, !isEnding, chance.happens(200), drained {
        isEnding = true
        infoNumber += 1
        carrier?.info = info(infoNumber)
        endActions = end.step(.jobsAreKnown(removes: removes))
        hadEnded = streamsHaveEnded
        carrier?.isFinishing = true
        note("duct ends the run, removes \(removes)")
      }
      if isEnding { goOnEnding() }
    }

    private var drained: Bool { (0..<Self.streamCount).allSatisfy { status[$0].written == printed[$0] } }
    private var streamsHaveEnded: Bool { (0..<Self.streamCount).allSatisfy { status[$0].hasEnded } }
    private var isDelivered = false
    private var hadEnded = false
    private var wasDiscarded = false

    private func goOnEnding() {
      guard let action = endActions.first else { return }
      switch action {
      case .deliver:
        let gaveUp = chance.happens(5) || carrier == nil && carrierStarts >= 5
        guard carrier?.isDone == true || gaveUp else { return }
        endActions.removeFirst()
        let isAll = carrier.map { $0.isDone && !$0.leftovers } ?? false
        notePlaces()
        isDelivered = true
        endActions += end.step(.delivered(isAll: isAll, streamsHadEnded: hadEnded))
        note("delivered: all \(isAll), streams had ended \(hadEnded)")
      case .discard:
        guard carrier?.isDone == true || carrier == nil && carrierStarts >= 5 else { return }
        endActions.removeFirst()
        isDelivered = true
        wasDiscarded = true
        removeOurs()
        endActions += end.step(.discarded(streamsHaveEnded: streamsHaveEnded))
      case .note(let ending):
        endActions.removeFirst()
        status.noteEnding(ending)
        wake.isWanted = true
      case .removeSpool:
        endActions.removeFirst()
        spoolIsGone = true
        note("the spool is gone")
      }
      if endActions.isEmpty {
        if carrier != nil { killCarrier() }
        ductIsAlive = false
        note("duct ends")
      }
    }

    private var spoolIsGone = false

    private func removeOurs() {
      let (failures, outage, away) = (fileSystem.failures, fileSystem.outage, fileSystem.isAway)
      (fileSystem.failures, fileSystem.outage, fileSystem.isAway) = (0, nil, false)
      defer { (fileSystem.failures, fileSystem.outage, fileSystem.isAway) = (failures, outage, away) }
      for (name, target) in [("stdout", RelayStatus.Target.stdout), ("stderr", .stderr), ("info", .info)] {
        for note in status.notes(of: target) {
          let names = TargetNames(path: FilePath("/\(name)"), label: SimulatedDeliverer.label)
          func spelled(_ name: TargetName) -> String {
            String(decoding: names.path(name).nameBytes, as: UTF8.self)
          }
          // As RecordFile.remove does it.
          let linked = note.link.flatMap { fileSystem.inode(spelled(.temporary($0))) }.map(
            fileSystem.identity)
          let place = spelled(.place(note.name))
          if let found = fileSystem.inode(place).map(fileSystem.identity),
            found.isFile(noted: note.identity)
              || found.isSameFile(as: note.identity)
                && linked.map({ $0.isSameFile(as: found) && $0.links > 1 }) == true
          {
            try? fileSystem.remove(place, &chance)
          }
          if let link = note.link, let linked, linked.isSameFile(as: note.identity) {
            try? fileSystem.remove(spelled(.temporary(link)), &chance)
          }
        }
      }
    }

    private func stepCarrier() { carrier?.step(&chance) }

    private func notePlaces() {
      for job in carrier?.jobs ?? [] where job.wasMade { lastPlaces[job.name] = carrier?.place(job) }
    }

    private func killCarrier() {
      notePlaces()
      carrier?.die()
      carrier = nil
      carrierPause = 10
    }

    // MARK: What happens

    private func disturb() {
      hadFaults = true
      switch chance.below(9) {
      case 0:
        fileSystem.outage =
          fileSystem.outage == nil
          ? chance.one(of: [.permissionDenied, Errno(rawValue: 127), .ioError]) : nil
        note("outage \(fileSystem.outage.map { "\($0)" } ?? "ends")")
      case 1 where steps >= awayUntil:
        fileSystem.isAway.toggle()
        if fileSystem.isAway { awayUntil = steps + 30 }
        note("directory away \(fileSystem.isAway)")
      case 2, 3:
        if fileSystem.traits.losesWrites, fileSystem.loseWrites() {
          if fileSystem.traits.tellsAtCloseOnly { wasTamperedWith = true }
          note("writes are lost")
        }
      case 4:
        for store in stores where store.stores[1] != nil {
          let held = store.stores[1]?.held ?? 0
          store.stores[1]?.capacity = chance.happens(500) ? held : .max
        }
        note("the spool's disk is full, or has space")
      case 5:
        if chance.happens(300), let store = stores.first, let length = store.length(1), length > 10 {
          // Behind what is proven: that is not read again but for repairs.
          let first = max(status.proven(stream: 0) - (status.start(of: 1, stream: 0) ?? 0), 0)
          if first < length {
            let from = first + chance.below(length - first)
            store.stores[1]?.unreadable = from..<min(from + 1 + chance.below(6000), length)
            // Only where the relay writes nothing into it later.
            store.stores[1]?.takesNothing = true
            storesLost = true
            note("the spool cannot read \(from) and on")
          }
        }
      case 6:
        if chance.happens(100) { for store in stores { store.stores[1]?.takesNothing = true } }
      default:
        fileSystem.outage = nil
        if steps >= awayUntil { fileSystem.isAway = false }
      }
    }

    /// A directory that is moved away does not come back in the next microsecond.
    private var awayUntil = 0

    private func kill() {
      wasKilled = true
      switch chance.below(4) {
      case 0 where ductIsAlive:
        ductIsAlive = false
        note("duct killed")
      case 1 where relayIsAlive:
        relayIsAlive = false
        keepers = nil
        note("relay killed")
      case 2 where carrier != nil:
        killCarrier()
        note("carrier killed")
      case 3 where chance.happens(200):
        if carrier != nil { killCarrier() }
        (ductIsAlive, relayIsAlive) = (false, false)
        keepers = nil
        note("everything killed")
      default: break
      }
    }

    private func rival() {
      let names = ["stdout", "info", "stderr", "stdout.run", "info.run"]
      let name = chance.one(of: names)
      let index = name.hasPrefix("stderr") ? 1 : 0
      switch chance.below(6) {
      case 0:
        // With the same beginning, with nothing in it, with our old file's number, or as a link.
        let start = Self.text[index].prefix(chance.one(of: [0, 0, 5, 3000, 40_000]))
        let number = fileSystem.inode(name)?.number
        if let inode = fileSystem.inode(name), inode.owner == .run { wasTamperedWith = true }
        fileSystem.rivalPuts(name, Array(start), isLink: chance.happens(100), reusing: number)
        note("rival puts \(name) with \(start.count) bytes")
      case 1:
        if fileSystem.inode(name)?.owner == .run { wasTamperedWith = true }
        fileSystem.rivalRemoves(name)
        note("rival removes \(name)")
      case 2:
        let length = chance.below(30_000)
        if let inode = fileSystem.inode(name), inode.owner == .run, !name.hasPrefix("info") {
          wasTamperedWith = true
          fileSystem.rivalCuts(name, length)
          note("rival cuts \(name) to \(length)")
        }
      case 3:
        if fileSystem.inode(name)?.owner == .run { wasTamperedWith = true }
        fileSystem.rivalMoves(name)
        note("rival moves \(name)")
      default: break
      }
    }

    // MARK: Checks

    private func check() throws {
      if let damage = fileSystem.damage { throw Violation(description: damage) }
      if stuck { throw Violation(description: "the command is blocked: its pipe is not read") }
      if let unjustified { throw Violation(description: unjustified) }
      if let unbounded { throw Violation(description: unbounded) }
      for index in 0..<Self.streamCount {
        maxReleased[index] = max(maxReleased[index], status.released(stream: index))
        let (dropped, unreadable) = (status.dropped(stream: index), status.unreadable(stream: index))
        for item in dropped.closed + unreadable.closed { marked[index][item.range.lowerBound] = item.range }
      }
      try checkInfo()
    }

    /// Under its name stands a whole document, at any moment.
    private func checkInfo() throws {
      guard let inode = fileSystem.inode("info"), inode.owner == .run else { return }
      // While a made-in-place file system has no atomic name there is nothing to be asked.
      let text = String(decoding: inode.data, as: UTF8.self)
      if !(text.hasPrefix("{info ") && text.hasSuffix(" of the run}")) {
        throw Violation(description: "info.json is torn: \(text.debugDescription)")
      }
    }

    // MARK: The end

    /// The file system works again, nobody disturbs, and `recover` runs, which may be killed too.
    private func settle() throws {
      if keepers != nil || relayIsAlive { finishRelay() }
      let knows = spoolIsGone
      if carrier != nil { killCarrier() }
      ductIsAlive = false
      note("settling; spool gone \(knows)")
      var final: SimulatedDeliverer?
      if !spoolIsGone {
        if status.ending == .removed { removeOurs() } else { final = try recover() }
      }
      try verify(final)
    }

    private func finishRelay() {
      if var keepers {
        for index in keepers.indices where !keepers[index].isDone {
          while keepers[index].written < printed[index] {
            let written = keepers[index].written
            guard let store = keepers[index].store,
              let count = try? stores[index].append(store, Self.text[index][written..<printed[index]])
            else {
              if keepers[index].store == nil {
                keepers[index].lose(printed[index] - written)
              } else {
                keepers[index].storeFailed(.ioError)
              }
              continue
            }
            keepers[index].note(count)
          }
          keepers[index].end()
        }
      }
      keepers = nil
      relayIsAlive = false
    }

    private func recover() throws -> SimulatedDeliverer {
      // What was in memory only has gone with the processes.
      for index in 0..<Self.streamCount where stores[index].stores[2]?.data.isEmpty == false {
        storesLost = true
        stores[index].stores[2] = nil
      }
      var kills = wasKilled ? chance.below(3) : 0
      while true {
        let isFinal = kills <= 0
        kills -= 1
        if isFinal {
          fileSystem.outage = nil
          fileSystem.isAway = false
          fileSystem.failures = 0
        }
        let left = try RelayStatus(left: FileDescriptor(rawValue: valueOrErrno { dup(copy.rawValue) }))
        for index in 0..<Self.streamCount {
          left.noteAbandoned(stream: index, sizes: [nil, stores[index].length(1), nil])
        }
        let outputs = (0..<Self.streamCount).map { index in
          RenderedOutput(stream: index, stores: stores[index], status: left, kept: kept, wake: {})
        }
        let deliverer = SimulatedDeliverer(fileSystem, left, outputs, isSuccessor: true)
        if keepsTrace { deliverer.log = { [unowned self] in note($0) } }
        deliverer.info = infoNumber > 0 ? info(infoNumber) : nil
        deliverer.isFinishing = true
        note("recover, final \(isFinal)")
        for _ in 0..<(isFinal ? 6000 : 1 + chance.below(60)) where !deliverer.isDone {
          steps += 1
          if !isFinal, chance.happens(30), isDue { disturb() }
          deliverer.step(&chance)
          try check()
          for index in 0..<Self.streamCount {
            maxReleased[index] = max(maxReleased[index], left.released(stream: index))
            for item in left.dropped(stream: index).closed + left.unreadable(stream: index).closed {
              marked[index][item.range.lowerBound] = item.range
            }
          }
        }
        if isFinal {
          if !deliverer.isDone { throw Violation(description: "recover does not come to an end") }
          if deliverer.leftovers {
            throw Violation(description: "something waits, though the directory works")
          }
          for index in 0..<Self.streamCount { printed[index] = min(printed[index], left[index].written) }
          return deliverer
        }
        deliverer.die()
      }
    }

    /// Where a file system gives no second names, an empty file that a failing call has made after all cannot be told
    /// from another's.
    private var isCertain: Bool {
      if !fileSystem.traits.tellsBirth {
        if !fileSystem.traits.givesNewNames { return false }
      }
      return fileSystem.traits.givesNewNames || !hadFaults && !wasKilled
    }

    private func verify(_ final: SimulatedDeliverer?) throws {
      if let name = fileSystem.missingRivalName, !wasKilled {
        throw Violation(description: "another's \(name) is not under its name any more")
      }
      if status.ending == .removed || wasDiscarded {
        for name in ["stdout", "stderr", "info"] {
          for spelled in [name, name + ".run"]
          where isCertain && (fileSystem.traits.tellsBirth || !hasRivals)
            && fileSystem.inode(spelled)?.owner == .run
          {
            throw Violation(description: "\(spelled) is there, though the records were removed")
          }
        }
        return
      }
      for (index, name) in ["stdout", "stderr"].enumerated() {
        let place =
          final.map { deliverer in deliverer.place(deliverer.jobs[index]) } ?? lastPlaces[name] ?? name
        try verifyStream(index, place)
        if !hasRivals, isCertain, place != name {
          throw Violation(description: "\(name) is at \(place), and nobody had its name")
        }
      }
      if infoNumber > 0 {
        let place =
          final.map { deliverer in deliverer.place(deliverer.jobs[2]) } ?? lastPlaces["info"] ?? "info"
        let found = fileSystem.inode(place).map { String(decoding: $0.data, as: UTF8.self) }
        let wanted = String(decoding: info(infoNumber), as: UTF8.self)
        // Nobody writes again what somebody has removed when the run was over.
        if found != wanted, !(hasRivals && final == nil) {
          throw Violation(description: "\(place) has \(found ?? "nothing"), and not \(wanted)")
        }
        if !hasRivals, isCertain, place != "info" {
          throw Violation(description: "info is at \(place), and nobody had its name")
        }
      }
      let expected = Set(["stdout", "stderr", "info"])
      if !hasRivals, !wasKilled, fileSystem.traits.givesNewNames, isCertain {
        let others = fileSystem.names.keys.filter { !expected.contains($0) }
        if !others.isEmpty { throw Violation(description: "left beside the records: \(others.sorted())") }
      }
    }

    private func verifyStream(_ index: Int, _ place: String) throws {
      // Nobody writes again what somebody has removed when the run was over.
      guard let inode = fileSystem.inode(place), inode.owner == .run else {
        if hasRivals { return }
        throw Violation(description: "\(place) is not there")
      }
      var expected: [UInt8] = []
      var excused: [Range<Int>] = []
      var next = 0
      for range in marked[index].values.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
        // What a mark stood for that is proven, and no longer remembered, can be lost once more with what is around it,
        // where others have cut the file.
        if range.lowerBound < next, hasRivals { return }
        guard range.lowerBound >= next else {
          throw Violation(description: "marks of \(place) overlap at \(range)")
        }
        if range.upperBound > printed[index] {
          throw Violation(description: "\(place): a mark for \(range), of \(printed[index]) bytes printed")
        }
        if next < maxReleased[index] {
          excused.append(expected.count..<expected.count + min(range.lowerBound, maxReleased[index]) - next)
        }
        expected += Self.text[index][next..<range.lowerBound]
        if range.lowerBound < maxReleased[index] {
          let mark = gapMark(range.count)
          excused.append(expected.count..<expected.count + mark.count)
        }
        expected += gapMark(range.count)
        next = range.upperBound
      }
      if next < maxReleased[index] {
        excused.append(expected.count..<expected.count + min(maxReleased[index], printed[index]) - next)
      }
      expected += Self.text[index][next..<max(printed[index], next)]
      if inode.data == expected { return }
      if hasRivals || wasTamperedWith || fileSystem.wentUnheard || !isCertain {
        // What others cut or took away, and the stores had given back, nobody has: it reads as NUL bytes.
        var data = inode.data
        if data.count == expected.count {
          for range in storesLost || fileSystem.wentUnheard ? [data.indices] : excused {
            for at in range where data[at] == 0 { data[at] = expected[at] }
          }
          if data == expected { return }
        }
        // Nobody mends what is done after the last look.
        if hasRivals, spoolIsGone { return }
      }
      let at = zip(inode.data, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      throw Violation(
        description:
          "\(place) has \(inode.data.count) bytes where \(expected.count) are right; they differ at \(at ?? -1) (\(at.map { inode.data[$0] } ?? 0)); marks \(marked[index].values.sorted { $0.lowerBound < $1.lowerBound }); released \(maxReleased[index])"
      )
    }
  }
#endif
