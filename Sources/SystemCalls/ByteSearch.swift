internal import CSystemCalls
import Glibc

extension UnsafeRawBufferPointer {
  /// Whether these bytes contain `text`.
  public func contains(_ text: StaticString) -> Bool {
    guard let start = baseAddress else { return false }
    return duct_contains(start, count, text.utf8Start, text.utf8CodeUnitCount)
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// The index of the first newline.
  public var firstNewline: Int? {
    guard !isEmpty, let start = base.baseAddress,
      let found = memchr(start + startIndex, CInt(UInt8(ascii: "\n")), count)
    else { return nil }
    return UnsafeRawPointer(found) - start
  }
}
