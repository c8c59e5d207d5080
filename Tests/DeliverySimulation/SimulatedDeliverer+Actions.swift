#if DEBUG || DUCT_SIMULATION
  import SystemCalls
  import SystemPackage

  @testable import OutputRelay
  @testable import ResilientIO

  /// Performs the actions that the delivery state machines decide on, on the simulated file system and the relay's
  /// page.
  extension SimulatedDeliverer {
    private func use(_ job: Job, _ handle: SimulatedFileSystem.Handle) -> FileDelivery.Event {
      if job.current != nil { keepForNextTurn(job) }
      job.current = handle
      return .opened(fileSystem.identity(handle.inode))
    }

    func perform(
      _ action: FileDelivery.Action, _ job: Job, _ source: RenderedOutput, _ chance: inout SimulatedChance
    ) -> FileDelivery.Event {
      func spelled(_ name: TargetName) -> String { self.spelled(job, name) }
      do throws(Errno) {
        switch action {
        case .look(let name):
          return try fileSystem.look(spelled(name), &chance).map { .found($0) } ?? .absent
        case .open(let name): return use(job, try fileSystem.open(spelled(name), &chance))
        case .create(let name): return use(job, try fileSystem.create(spelled(name), &chance))
        case .giveName(let from, let to): try fileSystem.giveName(spelled(from), spelled(to), &chance)
        case .link(let from, let to): try fileSystem.link(spelled(from), spelled(to), &chance)
        case .remove(let name): try fileSystem.remove(spelled(name), &chance)
        case .remember(let note): status.remember(note, as: target(job))
        case .rememberBoth(let note): status.rememberBoth(note, as: target(job))
        case .prove(let length):
          source.prove(upTo: length)
          return .proven
        case .size: return .found(fileSystem.identity(try current(job).inode))
        case .truncate(let length): try fileSystem.truncate(try current(job), length, &chance)
        case .sync: try fileSystem.sync(try current(job), &chance)
        case .dropOpened:
          if let current = job.current { _ = fileSystem.close(current) }
          job.current = nil
        case .dropOld:
          let error = job.old.flatMap(fileSystem.close) ?? job.heldBack
          (job.old, job.heldBack) = (nil, nil)
          if let error { return .closeFailed(error, firstReadable: source.firstReadable) }
        case .close:
          let error = job.current.flatMap(fileSystem.close)
          job.current = nil
          if let error { return .closeFailed(error, firstReadable: source.firstReadable) }
        case .writeNext(let offset): return try writeNext(offset, job, source, &chance)
        case .rewrite(let offset, let end, let isHole):
          return try rewrite(offset, end, isHole: isHole, job, source, &chance)
        case .giveUp(let offset):
          log?(
            "dropped \(status.dropped(stream: source.stream).items.map(\.range)), unreadable \(status.unreadable(stream: source.stream).items.map(\.range))"
          )
          let (skip, missing) = source.giveUpUnreadable(at: offset)
          return .gaveUp(skip: skip, missing: missing)
        case .finished, .failed: break
        }
        return .done
      } catch { return .failed(error) }
    }

    private func current(_ job: Job) throws(Errno) -> SimulatedFileSystem.Handle {
      guard let current = job.current else { throw .badFileDescriptor }
      return current
    }

    private func bytes(_ source: RenderedOutput, _ offset: Int, _ most: Int) -> [UInt8] {
      var buffer = [UInt8](repeating: 0, count: max(most, 1))
      let got = buffer.withUnsafeMutableBytes { source.read($0, at: offset) }
      buffer.removeLast(buffer.count - got)
      return buffer
    }

    private func writeNext(
      _ offset: Int, _ job: Job, _ source: RenderedOutput, _ chance: inout SimulatedChance
    ) throws(Errno) -> FileDelivery.Event {
      let handle = try current(job)
      let end = source.claim(upTo: offset + 16_384)
      let got = bytes(source, offset, min(end - offset, 16_384))
      if got.isEmpty { return .nothing(length: source.length, isComplete: source.hasEnded) }
      if offset > handle.inode.data.count { throw .staleNFSFileHandle }
      return .wrote(to: offset + (try fileSystem.write(handle, got[...], at: offset, &chance)))
    }

    private func rewrite(
      _ offset: Int, _ end: Int, isHole: Bool, _ job: Job, _ source: RenderedOutput,
      _ chance: inout SimulatedChance
    ) throws(Errno) -> FileDelivery.Event {
      let handle = try current(job)
      if offset > handle.inode.data.count, !isHole { throw .staleNFSFileHandle }
      var got = bytes(source, offset, min(end - offset, 16_384))[...]
      if got.isEmpty, let old = job.old {
        let first = source.firstReadable
        got = fileSystem.read(old, offset..<(first > offset ? min(end, first) : end))
      }
      if got.isEmpty {
        // A hole: skip to the next byte that exists.
        let next = source.nextReadable(behind: offset)
        let block = offset + 4096 - offset % 4096
        return .missing(to: min(job.old == nil ? next : min(next, block), end))
      }
      return .wrote(to: offset + (try fileSystem.write(handle, got, at: offset, &chance)))
    }

    func perform(
      _ action: FileReplacement.Action, _ job: Job, _ chance: inout SimulatedChance
    ) -> FileReplacement.Event {
      func spelled(_ name: TargetName) -> String { self.spelled(job, name) }
      do throws(Errno) {
        switch action {
        case .create(let name):
          let handle = try fileSystem.create(spelled(name), &chance)
          if let current = job.current { _ = fileSystem.close(current) }
          job.current = handle
          return .written(fileSystem.identity(handle.inode))
        case .fill:
          let handle = try current(job)
          job.current = nil
          var done = 0
          do throws(Errno) {
            while done < job.content.count {
              done += try fileSystem.write(handle, job.content[done...], at: done, &chance)
            }
            try fileSystem.sync(handle, &chance)
          } catch {
            _ = fileSystem.close(handle)
            throw error
          }
          if let error = fileSystem.close(handle) { throw error }
          return .written(fileSystem.identity(handle.inode))
        case .look(let name):
          return try fileSystem.look(spelled(name), &chance).map { .found($0) } ?? .absent
        case .remember(let note): status.remember(note, as: .info)
        case .rememberBoth(let note): status.rememberBoth(note, as: .info)
        case .giveName(let from, let to): try fileSystem.giveName(spelled(from), spelled(to), &chance)
        case .exchange(let one, let other): try fileSystem.exchange(spelled(one), spelled(other), &chance)
        case .rename(let from, let to): try fileSystem.rename(spelled(from), spelled(to), &chance)
        case .remove(let name): try fileSystem.remove(spelled(name), &chance)
        case .syncDirectory: try fileSystem.syncDirectory(&chance)
        case .finished, .failed: break
        }
        return .done
      } catch { return .failed("call", error) }
    }
  }
#endif
