internal import SystemCalls
internal import SystemPackage

/// The actions that a delivery requests, and the events that report their results. "→" lists the possible events
/// of an action besides `failed`.
extension FileDelivery {
  enum Action: Sendable, Equatable {
    /// Read the identity of what has this name. → found, absent
    case look(TargetName)
    /// Open an existing file; do not follow a link. → opened
    case open(TargetName)
    /// Create a file with O_EXCL. → opened
    case create(TargetName)
    /// Rename to a name that must not exist. → done
    case giveName(TargetName, to: TargetName)
    /// Add a second name, which must not exist. → done
    case link(TargetName, to: TargetName)
    /// → done
    case remove(TargetName)
    /// Note the file in the target memory, for the process that continues if this one is killed. → done
    case remember(TargetNote)
    /// Note a file that may get the name at any moment: both files are ours. → done
    case rememberBoth(TargetNote)
    /// Record how much of the file is proven. Less than before if the file is made again. → proven
    case prove(Int)
    /// Read from the source and write at this position. → wrote, nothing
    case writeNext(at: Int)
    /// Give up what the source cannot read at this position. → gaveUp
    case giveUp(at: Int)
    /// Write lost bytes again, from the source or from the old file. → wrote, missing
    ///
    /// `behindHole`: the bytes before this position are missing and were not written.
    case rewrite(at: Int, upTo: Int, behindHole: Bool)
    /// Read the status of the open file. → found
    case size
    /// → done
    case truncate(Int)
    /// → done
    case sync
    /// → done, closeFailed
    case close
    /// Close what was opened: it is another's file, so do not read from it either. → done
    case dropOpened
    /// Close the old descriptor, which is not needed any more. → done, closeFailed
    case dropOld
    /// The turn is over.
    case finished(hasMore: Bool)
    /// The turn has failed. The next one continues from what is proven.
    case failed(String, Errno, at: TargetName)
  }

  enum Event: Sendable, Equatable {
    case done
    case found(FileIdentity)
    case absent
    case opened(FileIdentity)
    case proven
    case wrote(to: Int)
    /// The source has no more at this moment.
    case nothing(length: Int, isComplete: Bool)
    /// `missing` bytes are given up. The position moves over `skip` of them; a mark stands for the rest.
    case gaveUp(skip: Int, missing: Int)
    case missing(to: Int)
    case failed(Errno)
    /// - Parameter firstReadable: the first position that the source can still read.
    case closeFailed(Errno, firstReadable: Int)
  }
}
