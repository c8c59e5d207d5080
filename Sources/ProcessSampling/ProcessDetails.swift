/// What is dearer to read of a process than its stat line: read now and then. See proc(5).
///
/// Nil where the kernel does not tell: the process has no memory any more (a zombie), or it is another
/// user's.
public struct ProcessDetails: Sendable {
  /// Bytes. Its share of each page that it has in common with others.
  var proportionalBytes: UInt64?
  var swapBytes: UInt64?
  /// Its largest resident memory until now, VmHWM.
  public var peakResidentBytes: UInt64?
  /// Bytes by read(2) and write(2) and the like, and from and to disks; with those of children that it has
  /// waited for.
  var io: IOCounts?
  /// Of its main thread.
  var voluntarySwitches: UInt64?
  var involuntarySwitches: UInt64?

  public init() {}

  public struct IOCounts: Sendable, Equatable {
    public var readCharacters: UInt64 = 0
    public var writtenCharacters: UInt64 = 0
    public var readBytes: UInt64 = 0
    public var writtenBytes: UInt64 = 0
  }

  /// Reads status and io, and where it is asked for, the shares of memory.
  public mutating func read(_ files: ProcFiles, _ pid: Int32, withShares: Bool) {
    if let status = files.contents(.status, pid) {
      for (name, value) in Labels(status) {
        switch name {
        case "VmHWM": peakResidentBytes = max(peakResidentBytes ?? 0, value &* 1024)
        case "VmSwap": swapBytes = value &* 1024
        case "voluntary_ctxt_switches": voluntarySwitches = value
        case "nonvoluntary_ctxt_switches": involuntarySwitches = value
        default: break
        }
      }
    }
    if let io = files.contents(.io, pid) {
      var counts = IOCounts()
      for (name, value) in Labels(io) {
        switch name {
        case "rchar": counts.readCharacters = value
        case "wchar": counts.writtenCharacters = value
        case "read_bytes": counts.readBytes = value
        case "write_bytes": counts.writtenBytes = value
        default: break
        }
      }
      self.io = counts
    }
    if withShares { readShares(files, pid) }
  }

  private mutating func readShares(_ files: ProcFiles, _ pid: Int32) {
    guard let shares = files.contents(.smapsRollup, pid) else { return }
    for (name, value) in Labels(shares) {
      switch name {
      case "Pss": proportionalBytes = value &* 1024
      case "Swap": swapBytes = value &* 1024
      default: break
      }
    }
  }
}

/// Lines of the form `Name: number …`. Nothing is allocated.
struct Labels: Sequence, IteratorProtocol {
  /// A part of the text, to be compared with.
  struct Name {
    let bytes: UnsafeRawBufferPointer

    static func ~= (literal: StaticString, name: Name) -> Bool {
      literal.utf8CodeUnitCount == name.bytes.count
        && name.bytes.elementsEqual(UnsafeRawBufferPointer(start: literal.utf8Start, count: name.bytes.count))
    }
  }

  private let text: UnsafeRawBufferPointer
  private var at = 0

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  mutating func next() -> (Name, UInt64)? {
    while at < text.count {
      let start = at
      var colon: Int?
      var value: UInt64 = 0
      var hasDigits = false
      var isOver = false
      while at < text.count, text[at] != UInt8(ascii: "\n") {
        let byte = text[at]
        if colon == nil {
          if byte == UInt8(ascii: ":") { colon = at }
        } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          if !isOver { value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0")) }
          hasDigits = true
        } else if hasDigits {
          isOver = true
        }
        at += 1
      }
      at += 1
      if let colon, hasDigits {
        return (Name(bytes: UnsafeRawBufferPointer(rebasing: text[start..<colon])), value)
      }
    }
    return nil
  }
}
