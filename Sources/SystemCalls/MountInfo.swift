/// A mount that this process sees: a line of /proc/PID/mountinfo, see proc(5).
public struct MountInfo: Sendable {
  /// The directory in the file system that is visible at `point`.
  public let root: ArraySlice<UInt8>
  /// The mount point.
  public let point: [UInt8]
  /// For example `ext4`, `nfs4`, `cgroup2`.
  public let type: ArraySlice<UInt8>
  /// The options of the file system, separated by commas. For cgroup version 1, they include the controllers.
  public let superOptions: ArraySlice<UInt8>

  /// Parses the lines of the file in order, and skips malformed lines. Works on bytes for speed: duct does this
  /// when a run starts, and a host may have hundreds of mounts.
  public static func all(_ text: [UInt8]) -> [MountInfo] {
    text.split(separator: UInt8(ascii: "\n")).compactMap { line in
      let words = line.split(separator: UInt8(ascii: " "))
      guard words.count > Field.firstOptional,
        let dash = words.firstIndex(where: { $0.elementsEqual("-".utf8) }),
        dash + 1 < words.count
      else { return nil }
      return MountInfo(
        root: words[Field.root], point: unescaped(words[Field.point]), type: words[dash + 1],
        superOptions: dash + 3 < words.count ? words[dash + 3] : [])
    }
  }

  /// Indexes of the fields at the start of a line. Optional fields and a `-` follow them.
  private enum Field {
    static let root = 3
    static let point = 4
    static let firstOptional = 5
  }

  /// The kernel writes spaces and some other characters as octal escapes, such as `\040`.
  private static func unescaped(_ word: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = word
    while let byte = rest.first {
      rest = rest.dropFirst()
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        result.append(code)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
