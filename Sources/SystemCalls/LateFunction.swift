/// A function that is set after the threads have started that call it.
///
/// A `Monitor` must not hold a bare function. Swift gives a function another form where a generic type holds it, so each
/// access to the state would wrap it twice more. After thousands of accesses, one call would need more stack than a
/// thread has. In a struct, the function keeps its form.
public struct LateFunction<Input, Output>: Sendable {
  private struct Body: Sendable {
    let call: @Sendable (Input) -> Output
  }

  private let body = Monitor<Body?>(nil)

  public init() {}

  public func set(_ call: @escaping @Sendable (Input) -> Output) { body.update { $0 = Body(call: call) } }

  /// Calls the function without holding a lock. Nil until it is set.
  public func callAsFunction(_ input: Input) -> Output? { body.withLock { $0 }?.call(input) }
}

extension LateFunction where Input == Void {
  public func callAsFunction() -> Output? { self(()) }
}
