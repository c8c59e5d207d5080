internal import RecordText

/// A user's use of a file system and its limits, from quota(1).
struct QuotaReport: Sendable, Equatable {
  /// In bytes. Nil: no limit.
  var usedBytes: UInt64
  var byteLimit: UInt64?
  var usedFiles: UInt64
  var fileLimit: UInt64?

  /// The share of a limit from which on it is told.
  private static let nearLimit = 0.95
  private static let blockSize: UInt64 = 1024

  /// The hard limits of a user. Nil if the user has none.
  init?(usedBytes: UInt64, byteLimit: UInt64?, usedFiles: UInt64, fileLimit: UInt64?) {
    if byteLimit == nil, fileLimit == nil { return nil }
    self.usedBytes = usedBytes
    self.byteLimit = byteLimit
    self.usedFiles = usedFiles
    self.fileLimit = fileLimit
  }

  /// Reads what `quota -v -w -p` prints: a line `FILESYSTEM blocks quota limit grace files quota limit grace`, in which
  /// a `*` marks what is over its quota, and 0 means that there is no limit.
  ///
  /// - Parameter source: the file system. Nil if there is no line about it, or no limit in it.
  init?(_ text: String, of source: String) {
    let words = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      .first { $0.count == 9 && $0[0] == source }
    guard let words else { return nil }
    let numbers = words.dropFirst().map { word in UInt64(word.filter { $0 != "*" }) }
    guard let blocks = numbers[0], let files = numbers[4] else { return nil }
    func limit(_ soft: Int, _ hard: Int) -> UInt64? {
      [numbers[hard], numbers[soft]].compactMap { $0 }.first { $0 > 0 }
    }
    self.init(
      usedBytes: blocks &* Self.blockSize, byteLimit: limit(1, 2).map { $0 &* Self.blockSize },
      usedFiles: files,
      fileLimit: limit(5, 6))
  }

  var isNearLimit: Bool {
    func isNear(_ used: UInt64, _ limit: UInt64?) -> Bool {
      limit.map { Double(used) >= Self.nearLimit * Double($0) } ?? false
    }
    return isNear(usedBytes, byteLimit) || isNear(usedFiles, fileLimit)
  }

  var text: String {
    var parts: [String] = []
    if let byteLimit { parts.append("\(humanSize(Double(usedBytes))) of \(humanSize(Double(byteLimit)))") }
    if let fileLimit { parts.append("\(usedFiles) of \(fileLimit) files") }
    return "the quota is used by \(parts.joined(separator: ", "))"
  }
}
