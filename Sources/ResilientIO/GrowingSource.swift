public import SystemCalls

/// Something that grows at its end, and is to be delivered into a file as it is.
///
/// Called by the deliverer's thread; none of it may block for long.
public protocol GrowingSource: Sendable {
  /// How far it can be read now.
  var readableLength: Int { get }

  /// Nothing will come any more.
  var isComplete: Bool { get }

  /// What comes before this cannot be read any more.
  var firstReadable: Int { get }

  /// Where it can be read again, behind a position at which it cannot.
  func nextReadable(behind position: Int) -> Int

  /// How much should be delivered at a time, in bytes.
  var mostAtOnce: Int { get }

  /// Delivery is about to read up to a position: what comes before it stays as it is.
  ///
  /// - Returns: how far it may read.
  func claim(upTo position: Int) -> Int

  /// Reads at a position. 0: nothing to be had there now; `readableLength` may have changed.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int

  /// Gives up what cannot be read at a position, so that what is behind it can be delivered.
  ///
  /// - Returns: how many bytes are missing, and by how many of them the position moves on; what else is missing
  ///   has a mark there, to be read.
  func giveUp(at position: Int) -> (skip: Int, missing: Int)

  /// So much is proven to be in the file: its space may be given back, but for what should be kept in case
  /// that somebody shortens or removes the file. Less than before where it is made anew.
  func prove(upTo length: Int)
}

extension GrowingSource {
  public var firstReadable: Int { 0 }
  public func nextReadable(behind position: Int) -> Int { position + 4096 - position % 4096 }
  public var mostAtOnce: Int { 64 << 20 }
  public func claim(upTo position: Int) -> Int { min(position, readableLength) }

  /// Without marks the place of what is missing stays empty, to the next block.
  public func giveUp(at position: Int) -> (skip: Int, missing: Int) {
    let next = min(position + 4096 - position % 4096, readableLength)
    return (next - position, next - position)
  }
}

/// Where it is noted which files are ours, for whoever goes on when this process is killed.
public protocol TargetMemory: Sendable {
  /// Those of a path. Two where one was about to take the other's place.
  var notes: [TargetNote] { get }
  func remember(_ note: TargetNote)
  /// From now on that one is ours too.
  func rememberBoth(_ note: TargetNote)
}
