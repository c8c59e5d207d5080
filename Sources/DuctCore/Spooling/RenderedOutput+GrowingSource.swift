public import OutputRelay
public import ResilientIO

// The relay's room knows nothing of publishing, and the publisher's nothing of streams.
extension RenderedOutput: GrowingSource {
  public var readableLength: Int { length }
  public var isComplete: Bool { hasEnded }

  /// A mark stands for what is missing.
  public func giveUp(at position: Int) -> (skip: Int, missing: Int) { (0, giveUpUnreadable(at: position)) }
}
