internal import SystemCalls
public import SystemPackage

extension FilePath {
  /// The path that was converted to `text` by `escapedText`.
  public init(escaped text: String) { self.init(bytes: text.originalBytes) }

  /// The path as text that converts back to exactly the same path.
  public var escapedText: String { String(escaping: bytes) }
}
