internal import SystemCalls
internal import SystemPackage

/// What a delivery has done, and what it is told of that.
extension FileDelivery {
  enum Action: Sendable, Equatable {
    /// → found, absent
    case look(TargetName)
    /// Of what is there; follows no link. → opened
    case open(TargetName)
    /// With O_EXCL. → opened
    case create(TargetName)
    /// To a name that nothing has. → done
    case giveName(TargetName, to: TargetName)
    /// A second name, that nothing has. → done
    case link(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// For whoever goes on when this process is killed. → done
    case remember(TargetNote)
    /// This one may get the name in the next moment: both are ours. → done
    case rememberBoth(TargetNote)
    /// So far the file is proven; less than before where it is made anew. → proven
    case prove(Int)
    /// → wrote, nothing
    case writeNext(at: Int)
    /// What the source cannot give any more is given up. → gaveUp
    case giveUp(at: Int)
    /// Again, from the source or the old file. → wrote, missing
    ///
    /// `behindHole`: what comes before is missing, and was not written.
    case rewrite(at: Int, upTo: Int, behindHole: Bool)
    /// Of the open file. → found
    case size
    /// → done
    case truncate(Int)
    /// → done
    case sync
    /// → done, closeFailed
    case close
    /// What was opened is another's: nothing is read from it either. → done
    case dropOpened
    /// The old descriptor is not needed any more. → done, closeFailed
    case dropOld
    /// The turn is over.
    case finished(hasMore: Bool)
    /// The turn has failed: the next one goes on from what is proven.
    case failed(String, Errno, at: TargetName)
  }

  enum Event: Sendable, Equatable {
    case done
    case found(FileIdentity)
    case absent
    case opened(FileIdentity)
    case proven
    case wrote(to: Int)
    /// The source has no more just now.
    case nothing(length: Int, isComplete: Bool)
    /// So many bytes are missing; the position is moved over `skip` of them, the rest has a mark.
    case gaveUp(skip: Int, missing: Int)
    case missing(to: Int)
    case failed(Errno)
    /// - Parameter firstReadable: what the source can still give begins here.
    case closeFailed(Errno, firstReadable: Int)
  }
}
