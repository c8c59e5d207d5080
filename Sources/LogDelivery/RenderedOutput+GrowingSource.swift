public import OutputRelay
public import ResilientIO

// The relay's room knows nothing of publishing, and the deliverer's nothing of streams.
extension RenderedOutput: GrowingSource {
  public var readableLength: Int { length }
  public var isComplete: Bool { hasEnded }

  public func giveUp(at position: Int) -> (skip: Int, missing: Int) { giveUpUnreadable(at: position) }
}
