/// Values of a process that are more expensive to read than its stat line. See proc(5).
///
/// A value is nil if the kernel does not report it: because the process has no memory any more (a zombie), because it
/// is another user's, or because the kernel is too old.
public struct ProcessDetails: Sendable {
  /// Bytes: its share of each page that it has in common with others. From smaps_rollup (Linux 4.14).
  var proportionalBytes: UInt64?
  /// Bytes. From smaps_rollup, or else from status.
  var swapBytes: UInt64?
  /// Bytes: its largest resident memory so far, VmHWM of status.
  public private(set) var peakResidentBytes: UInt64?
  /// Includes the children that it has waited for.
  var io: IOCounts?
  /// Context switches of its main thread.
  var voluntarySwitches: UInt64?
  var involuntarySwitches: UInt64?

  public init() {}

  /// Bytes from /proc/PID/io: characters by read(2), write(2) and similar calls, bytes from and to disks.
  public struct IOCounts: Sendable, Equatable {
    public fileprivate(set) var readCharacters: UInt64 = 0
    public fileprivate(set) var writtenCharacters: UInt64 = 0
    public fileprivate(set) var readBytes: UInt64 = 0
    public fileprivate(set) var writtenBytes: UInt64 = 0
  }

  /// /proc writes kB for kibibytes.
  private static let bytesPerKilobyte: UInt64 = 1024

  /// Reads status and io. Values that cannot be read keep what they were.
  ///
  /// - Parameters:
  ///   - pid: in /proc.
  ///   - withShares: read smaps_rollup as well, which takes some 70 ns for each page of the process.
  public mutating func read(_ files: ProcFiles, _ pid: Int32, withShares: Bool) {
    if let status = files.contents(.status, pid) {
      for (name, value) in LabeledNumbers(status) {
        switch name {
        case "VmHWM": peakResidentBytes = max(peakResidentBytes ?? 0, value &* Self.bytesPerKilobyte)
        case "VmSwap": swapBytes = value &* Self.bytesPerKilobyte
        case "voluntary_ctxt_switches": voluntarySwitches = value
        case "nonvoluntary_ctxt_switches": involuntarySwitches = value
        default: break
        }
      }
    }
    if let io = files.contents(.io, pid) {
      var counts = IOCounts()
      for (name, value) in LabeledNumbers(io) {
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
    for (name, value) in LabeledNumbers(shares) {
      switch name {
      case "Pss": proportionalBytes = value &* Self.bytesPerKilobyte
      case "Swap": swapBytes = value &* Self.bytesPerKilobyte
      default: break
      }
    }
  }
}

extension ProcessDetails.IOCounts {
  static func + (left: Self, right: Self) -> Self {
    Self(
      readCharacters: left.readCharacters &+ right.readCharacters,
      writtenCharacters: left.writtenCharacters &+ right.writtenCharacters,
      readBytes: left.readBytes &+ right.readBytes, writtenBytes: left.writtenBytes &+ right.writtenBytes)
  }

  /// The larger value of each. The sum over a run can shrink: what a process has read goes with it if no parent waits
  /// for it.
  func peak(_ other: Self) -> Self {
    Self(
      readCharacters: max(readCharacters, other.readCharacters),
      writtenCharacters: max(writtenCharacters, other.writtenCharacters),
      readBytes: max(readBytes, other.readBytes), writtenBytes: max(writtenBytes, other.writtenBytes))
  }
}
