import Glibc

// File names, arguments, environments and texts from Slurm may contain any bytes, but Swift strings contain only
// valid Unicode. So each byte that is not part of valid UTF-8 becomes one scalar of a private range (U+10FF80 to
// U+10FFFF, for bytes 80 to FF). Python's surrogateescape does the same with U+DC80 to U+DCFF, which Swift strings
// cannot contain. Scalars of the private range in the input are also treated as invalid bytes, so the conversion to
// text and back is exact for every input.

private let escapeBase: UInt32 = 0x10_FF00

extension Unicode.Scalar {
  /// The byte that this scalar stands for; nil if it is not an escaped byte.
  var escapedByte: UInt8? {
    value >= escapeBase + 0x80 && value <= escapeBase + 0xFF ? UInt8(value - escapeBase) : nil
  }

  init(escaping byte: UInt8) {
    // Callers pass only 80...FF, so the value is always a scalar.
    self = Unicode.Scalar(escapeBase + UInt32(byte)) ?? "\u{FFFD}"
  }
}

extension String {
  /// Makes text from any bytes; `originalBytes` returns exactly these bytes.
  ///
  /// Not generic over collections, which would cost type look-ups at run time in each call from another module.
  public init(escaping bytes: UnsafeBufferPointer<UInt8>) {
    if memchr(bytes, 0xF4) == nil, let valid = String(validating: bytes, as: UTF8.self) {
      self = valid
      return
    }
    var scalars = String.UnicodeScalarView()
    var at = 0
    while at < bytes.count {
      let rest = UnsafeBufferPointer(rebasing: bytes[at...])
      let length = Self.validSequenceLength(rest)
      if length == 0 {
        scalars.append(Unicode.Scalar(escaping: rest[0]))
        at += 1
      } else {
        let sequence = UnsafeBufferPointer(rebasing: rest[..<length])
        scalars.append(contentsOf: String(decoding: sequence, as: UTF8.self).unicodeScalars)
        at += length
      }
    }
    self = String(scalars)
  }

  public init(escaping bytes: [UInt8]) {
    self = bytes.withUnsafeBufferPointer { String(escaping: $0) }
  }

  public init(escaping bytes: ArraySlice<UInt8>) {
    self = bytes.withUnsafeBufferPointer { String(escaping: $0) }
  }

  /// Makes text from a fixed array of C characters, up to the first NUL.
  public init(escapingUpToNUL bytes: UnsafeRawBufferPointer) {
    let buffer = bytes.assumingMemoryBound(to: UInt8.self)
    let length = memchr(buffer, 0) ?? buffer.count
    self.init(escaping: UnsafeBufferPointer(rebasing: buffer[..<length]))
  }

  /// The bytes that this text was made from: its UTF-8, with escaped bytes restored.
  public var originalBytes: [UInt8] {
    let isPlain = utf8.withContiguousStorageIfAvailable { memchr($0, 0xF4) == nil } ?? !utf8.contains(0xF4)
    if isPlain { return Array(utf8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(utf8.count)
    for scalar in unicodeScalars {
      if let byte = scalar.escapedByte {
        bytes.append(byte)
      } else {
        bytes.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
      }
    }
    return bytes
  }

  /// The length in bytes of the valid UTF-8 sequence at the start of `bytes`. 0 if there is none or if it encodes a
  /// scalar that stands for an escaped byte.
  private static func validSequenceLength(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    let length: Int
    switch bytes[0] {
    case ..<0x80: length = 1
    case 0xC2..<0xE0: length = 2
    case 0xE0..<0xF0: length = 3
    case 0xF0..<0xF5: length = 4
    default: return 0
    }
    guard length <= bytes.count,
      let text = String(validating: UnsafeBufferPointer(rebasing: bytes[..<length]), as: UTF8.self),
      text.unicodeScalars.first?.escapedByte == nil
    else { return 0 }
    return length
  }
}

/// The index of the first occurrence of `byte`.
private func memchr(_ bytes: UnsafeBufferPointer<UInt8>, _ byte: UInt8) -> Int? {
  guard let start = bytes.baseAddress, let found = Glibc.memchr(start, CInt(byte), bytes.count) else {
    return nil
  }
  return UnsafeRawPointer(found) - UnsafeRawPointer(start)
}
