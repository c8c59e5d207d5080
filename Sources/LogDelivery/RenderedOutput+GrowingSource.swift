public import OutputRelay
public import ResilientIO

// Connects the two modules: OutputRelay does not know delivery, and ResilientIO does not know streams.
extension RenderedOutput: GrowingSource {
  public var readableLength: Int { length }
  public var isComplete: Bool { hasEnded }

  public func giveUp(at position: Int) -> (skip: Int, missing: Int) { giveUpUnreadable(at: position) }
}
