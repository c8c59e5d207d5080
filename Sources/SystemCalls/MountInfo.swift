/// A mount that this process sees: a line of /proc/PID/mountinfo, see proc(5).
public struct MountInfo: Sendable {
  /// The directory in the file system that is visible at `point`.
  public let root: ArraySlice<UInt8>
  /// The mount point.
  public let point: [UInt8]
  /// The options of this mount alone, such as `ro`, separated by commas.
  public let options: ArraySlice<UInt8>
  /// For example `ext4`, `nfs4`, `cgroup2`.
  public let type: ArraySlice<UInt8>
  /// What is mounted, such as a device or `server:/export`.
  public let source: ArraySlice<UInt8>
  /// The options of the file system, separated by commas. For cgroup version 1, they include the controllers.
  public let superOptions: ArraySlice<UInt8>

  /// Parses the lines of the file in order, and skips malformed lines. Works on bytes for speed: duct does this
  /// when a run starts, and a host may have hundreds of mounts.
  public static func all(_ text: [UInt8]) -> [MountInfo] {
    var mounts: [MountInfo] = []
    var words: [ArraySlice<UInt8>] = []
    var start = 0
    for (index, byte) in text.enumerated() where byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") {
      if index > start { words.append(text[start..<index]) }
      start = index + 1
      if byte == UInt8(ascii: "\n") {
        if let mount = MountInfo(words) { mounts.append(mount) }
        words.removeAll(keepingCapacity: true)
      }
    }
    if start < text.count { words.append(text[start...]) }
    if let mount = MountInfo(words) { mounts.append(mount) }
    return mounts
  }

  /// - Parameter words: of a line. Nil if the line is malformed.
  private init?(_ words: [ArraySlice<UInt8>]) {
    // The `-` cannot be one of the first fields.
    guard
      let dash = words.indices.dropFirst(Field.firstOptional).first(where: {
        words[$0].count == 1 && words[$0].first == UInt8(ascii: "-")
      }), dash + 1 < words.count
    else { return nil }
    root = words[Field.root]
    point = Self.unescaped(words[Field.point])
    options = words[Field.options]
    type = words[dash + 1]
    source = dash + 2 < words.count ? words[dash + 2] : []
    superOptions = dash + 3 < words.count ? words[dash + 3] : []
  }

  /// Indexes of the fields at the start of a line. Optional fields and a `-` follow them.
  private enum Field {
    static let root = 3
    static let point = 4
    static let options = 5
    static let firstOptional = 5
  }

  /// The kernel writes spaces and some other characters as octal escapes, such as `\040`.
  private static func unescaped(_ word: ArraySlice<UInt8>) -> [UInt8] {
    if !word.contains(UInt8(ascii: "\\")) { return Array(word) }
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
