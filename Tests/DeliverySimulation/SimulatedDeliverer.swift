#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  /// A process that delivers a run's files: the carrier, its successor, or `recover`. Each step is one action, so
  /// that the other processes can act in between.
  final class SimulatedDeliverer {
    let jobs: [Job]
    let fileSystem: SimulatedFileSystem
    let status: RelayStatus
    /// The latest content of info.json, if it is not written yet.
    var info: [UInt8]?
    var isFinishing = false
    private var madeDirectory = false
    /// A close has reported lost data, and the page does not record it yet.
    private var isHearing = false
    /// Receives each action and its result.
    var log: ((String) -> Void)?

    static let runID = "run"

    init(
      _ fileSystem: SimulatedFileSystem, _ status: RelayStatus, _ streams: [RenderedOutput], isSuccessor: Bool
    ) {
      self.fileSystem = fileSystem
      self.status = status
      var jobs = streams.enumerated().map { index, stream in
        let target: RelayStatus.Target = index == 0 ? .stdout : .stderr
        let proven = isSuccessor ? stream.position(of: status.proven(stream: index)) : 0
        return Job(
          name: index == 0 ? "stdout" : "stderr",
          machine: .growth(
            FileDelivery(
              notes: status.notes(of: target), proven: proven, isSuccessor: isSuccessor, owner: 1000), stream)
        )
      }
      jobs.append(
        Job(
          name: "info",
          machine: .replacement(
            FileReplacement(notes: status.notes(of: .info), isSuccessor: isSuccessor, owner: 1000))))
      self.jobs = jobs
    }

    func target(_ job: Job) -> RelayStatus.Target {
      job.name == "stdout" ? .stdout : job.name == "stderr" ? .stderr : .info
    }

    func spelled(_ job: Job, _ name: TargetName) -> String { Self.spelled(job.name, name) }

    static func spelled(_ file: String, _ name: TargetName) -> String {
      String(
        decoding: TargetNames(path: FilePath("/\(file)"), runID: runID).path(name).nameBytes, as: UTF8.self)
    }

    func place(_ job: Job) -> String {
      switch job.machine {
      case .growth(let machine, _): spelled(job, machine.place)
      case .replacement(let machine): spelled(job, machine.place)
      }
    }

    /// The process dies, and the kernel closes its descriptors.
    func die() {
      if isHearing { fileSystem.wentUnheard = true }
      for job in jobs {
        for handle in [job.current, job.old] {
          // No process receives the error of this close.
          if let handle, fileSystem.close(handle) != nil { fileSystem.wentUnheard = true }
        }
      }
    }

    /// Whether no file is in the middle of a turn.
    var isIdle: Bool { jobs.allSatisfy { $0.next == nil } }
    var isDone: Bool { isFinishing && jobs.allSatisfy { $0.isDone || !$0.isDelivered } }
    var leftovers: Bool { jobs.contains { $0.hasFailed } }

    /// Whether the next action renames over a name or truncates a file that is too long. No rival may act between
    /// the check and that action, since no system call does both (see docs/reliability.md).
    var isBetweenLookAndCall: Bool {
      jobs.contains { job in
        switch job.next {
        case .replacement(.rename), .growth(.truncate): true
        default: false
        }
      }
    }

    /// Takes over a stream whose log file the relay has left and which has `proven` bytes.
    func adopt(_ index: Int, proven: Int) {
      guard case .growth(_, let source) = jobs[index].machine else { return }
      jobs[index].machine = .growth(
        FileDelivery(
          notes: status.notes(of: target(jobs[index])), proven: proven, isSuccessor: true, owner: 1000),
        source)
      jobs[index].isDelivered = true
    }

    // MARK: A step

    func step(_ chance: inout SimulatedChance) {
      // One file at a time, one turn at a time, as the deliverer's thread does it.
      if let job = jobs.first(where: { $0.next != nil }) { return advance(job, &chance) }
      for job in jobs where job.pause > 0 { job.pause -= isFinishing ? job.pause : 1 }
      let due = jobs.filter { job in
        if job.isDone || !job.isDelivered || job.pause > 0 { return false }
        switch job.machine {
        case .growth(let machine, let source):
          return isFinishing || source.length > machine.proven || source.hasEnded
            || status.isDropping(stream: source.stream)
            || machine.life == .unmade
        case .replacement: return info != nil && !(isFinishing && hasGrowthLeft)
        }
      }
      if due.isEmpty {
        if isFinishing, !hasGrowthLeft {
          for job in jobs where !job.isDone && info == nil {
            if case .replacement(let machine) = job.machine, machine.hasLeftNames, !job.isLast {
              info = job.content
            } else {
              job.isDone = true
            }
          }
        }
        return
      }
      begin(chance.one(of: due))
    }

    private var hasGrowthLeft: Bool {
      jobs.contains { $0.isGrowth && $0.isDelivered && !$0.isDone }
    }

    private func begin(_ job: Job) {
      job.attempts = DeliveryAttempts(mayMakeDirectory: !madeDirectory)
      job.isLast = isFinishing
      start(job)
    }

    /// Starts one attempt.
    private func start(_ job: Job) {
      switch job.machine {
      case .growth(var machine, let source):
        let isComplete = source.hasEnded
        let action = machine.begin(
          .init(length: source.length, isComplete: isComplete, isLast: job.isLast, most: source.mostAtOnce))
        job.machine = .growth(machine, source)
        job.next = .growth(action)
      case .replacement(var machine):
        if let info {
          job.content = info
          self.info = nil
        }
        let action = machine.begin(isLast: job.isLast)
        job.machine = .replacement(machine)
        job.next = .replacement(action)
      }
    }

    private func advance(_ job: Job, _ chance: inout SimulatedChance) {
      switch (job.next, job.machine) {
      case (.makeDirectory, _):
        job.next = nil
        do throws(Errno) {
          if fileSystem.isAway { throw .noSuchFileOrDirectory }
          if let outage = fileSystem.outage { throw outage }
          fileSystem.isMissing = false
          madeDirectory = true
          job.attempts.madeDirectory()
          start(job)
        } catch { failed(job, error, &chance) }
      case (.growth(.finished(let hasMore)), .growth):
        job.next = nil
        succeeded(job, hasMore: hasMore)
      case (.growth(.failed(let operation, let error, _)), _):
        job.next = nil
        log?("\(job.name): \(operation) failed, \(error)")
        keepForNextTurn(job)
        failed(job, error, &chance)
      case (.growth(let action), .growth(var machine, let source)):
        let event = perform(action, job, source, &chance)
        log?("\(job.name): \(action) -> \(event)")
        if case .closeFailed = event { isHearing = true }
        if case .proven = event { isHearing = false }
        job.next = .growth(machine.step(event))
        job.machine = .growth(machine, source)
      case (.replacement(.finished), _):
        job.next = nil
        succeeded(job, hasMore: false)
      case (.replacement(.failed(_, let error)), _):
        job.next = nil
        if info == nil { info = job.content }
        failed(job, error, &chance)
      case (.replacement(let action), .replacement(var machine)):
        let event = perform(action, job, &chance)
        log?("\(job.name): \(action) -> \(event)")
        job.next = .replacement(machine.step(event))
        job.machine = .replacement(machine)
      default: break
      }
    }

    private func succeeded(_ job: Job, hasMore: Bool) {
      madeDirectory = true
      job.hasFailed = false
      job.wasMade = true
      if job.isLast, !hasMore, info == nil || job.name != "info" { job.isDone = true }
    }

    private func failed(_ job: Job, _ error: Errno, _ chance: inout SimulatedChance) {
      switch job.attempts.failed(error) {
      case .tryAgain: start(job)
      case .makeDirectory: job.next = .makeDirectory
      case .giveUp:
        job.hasFailed = true
        job.pause = 1 + chance.below(60)
        if job.isLast { job.isDone = true }
      }
    }

    func keepForNextTurn(_ job: Job) {
      if job.old == nil {
        job.old = job.current
      } else if let current = job.current {
        if let error = fileSystem.close(current) { job.heldBack = error }
      }
      job.current = nil
    }
  }
#endif
