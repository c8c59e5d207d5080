public import SystemCalls

/// Data that grows at its end and is delivered into a file unchanged.
///
/// The deliverer's thread calls it. No method may block for long.
public protocol GrowingSource: Sendable {
  /// The length that can be read at this moment, in bytes.
  var readableLength: Int { get }

  /// The source will not grow any more.
  var isComplete: Bool { get }

  /// Positions before this one cannot be read any more.
  var firstReadable: Int { get }

  /// The next readable position after one that cannot be read.
  func nextReadable(behind position: Int) -> Int

  /// The most bytes to deliver in one turn.
  var mostAtOnce: Int { get }

  /// Announces that delivery will read up to a position. What comes before it stays unchanged.
  ///
  /// - Returns: the position up to which delivery may read.
  func claim(upTo position: Int) -> Int

  /// Reads at a position. 0: nothing can be read there now, and `readableLength` may have changed.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int

  /// Gives up what cannot be read at a position, so that delivery can continue behind it.
  ///
  /// - Returns: `missing`: bytes that are given up. `skip`: how many of them the position moves over. A readable
  ///   mark stands for the rest.
  func giveUp(at position: Int) -> (skip: Int, missing: Int)

  /// Records that the file has everything up to `length` on stable storage. The source may give back that space,
  /// except for what it keeps in case somebody truncates or removes the file. Less than before if the file is
  /// made again.
  func prove(upTo length: Int)
}

extension GrowingSource {
  public var firstReadable: Int { 0 }
  public func nextReadable(behind position: Int) -> Int { position + 4096 - position % 4096 }
  public var mostAtOnce: Int { 64 << 20 }
  public func claim(upTo position: Int) -> Int { min(position, readableLength) }

  /// Gives up everything to the next 4096-byte block. No mark: the place of the missing bytes stays empty.
  public func giveUp(at position: Int) -> (skip: Int, missing: Int) {
    let next = min(position + 4096 - position % 4096, readableLength)
    return (next - position, next - position)
  }
}

/// Stores the notes which files are ours, for the process that continues if this one is killed.
public protocol TargetMemory: Sendable {
  /// The notes of one path. Two if one file was about to take the other's place.
  var notes: [TargetNote] { get }
  func remember(_ note: TargetNote)
  /// Notes one more file; from here on both are ours.
  func rememberBoth(_ note: TargetNote)
}
