/// Something that grows at its end, and is to be carried into a file as it is.
///
/// Called by the publisher's thread; none of it may block for long.
public protocol GrowingSource: Sendable {
  /// How far it can be read now.
  var readableLength: Int { get }

  /// Nothing will come any more.
  var isComplete: Bool { get }

  /// Reads at a position. 0: nothing to be had there now; `readableLength` may have changed.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int

  /// So much is proven to be in the file: its space may be given back, but for what must be kept in case
  /// that somebody shortens or removes the file.
  func notePublished(_ length: Int)
}
