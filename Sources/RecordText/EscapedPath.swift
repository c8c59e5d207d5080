internal import SystemCalls
public import SystemPackage

extension FilePath {
  /// The path that an escaped text stands for.
  public init(escaped text: String) { self.init(bytes: text.originalBytes) }

  /// As text from which the same path can be made again.
  public var escapedText: String { String(escaping: bytes) }
}
