internal import SystemCalls

/// A job id in the command's output.
public struct JobMention: Sendable, Equatable {
  public enum Form: Sendable, Equatable {
    /// In a sentence of sbatch, srun or salloc.
    case sentence
    /// A line with only a number, as `sbatch --parsable` prints it: only a hint.
    case number
  }

  public var jobID: UInt32
  public var cluster: String?
  public var form: Form
}

/// Finds job ids in a stream of output, also where a line is split between two reads.
public struct SubmissionText: Sendable {
  private static let longestLine = 64 << 10
  private static let longestNumberLine = 64

  /// The start of a line that is not yet complete.
  private var partial: [UInt8] = []

  public init() {}

  /// The ids in the lines that `bytes` complete.
  public mutating func feed(_ bytes: UnsafeRawBufferPointer) -> [JobMention] {
    var mentions: [JobMention] = []
    var rest = bytes[...]
    while let newline = rest.firstNewline {
      if partial.isEmpty {
        Self.scan(UnsafeRawBufferPointer(rebasing: rest[..<newline]), &mentions)
      } else {
        keep(rest[..<newline])
        partial.withUnsafeBytes { Self.scan($0, &mentions) }
        partial.removeAll(keepingCapacity: true)
      }
      rest = rest[(newline + 1)...]
    }
    keep(rest)
    return mentions
  }

  /// The ids in a last line without a newline.
  public mutating func finish() -> [JobMention] {
    var mentions: [JobMention] = []
    partial.withUnsafeBytes { Self.scan($0, &mentions) }
    partial = []
    return mentions
  }

  private mutating func keep(_ bytes: Slice<UnsafeRawBufferPointer>) {
    partial.append(contentsOf: bytes.prefix(max(0, Self.longestLine - partial.count)))
  }

  private static func scan(_ line: UnsafeRawBufferPointer, _ mentions: inout [JobMention]) {
    guard let first = line.first else { return }
    if (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first), line.count <= longestNumberLine,
      let mention = numberLine(String(decoding: line, as: UTF8.self))
    {
      mentions.append(mention)
      return
    }
    guard line.contains("job ") else { return }
    mentions.append(contentsOf: sentences(in: String(decoding: line, as: UTF8.self)))
  }

  /// Parses `123` or, for a job of another cluster, `123;name`.
  private static func numberLine(_ line: String) -> JobMention? {
    let text = line.hasSuffix("\r") ? line.dropLast() : line[...]
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts[0].allSatisfy(\.isASCIIDigit), let id = UInt32(parts[0]) else {
      return nil
    }
    if parts.count == 2, !isClusterName(parts[1]) { return nil }
    return JobMention(jobID: id, cluster: parts.count == 2 ? String(parts[1]) : nil, form: .number)
  }

  private static let patterns: [(before: String, isSbatch: Bool)] = [
    ("Submitted batch job ", true),
    ("salloc: Granted job allocation ", false),
    ("salloc: Pending job allocation ", false),
    ("salloc: job ", false),
    ("srun: job ", false),
  ]

  private static func sentences(in line: String) -> [JobMention] {
    var mentions: [JobMention] = []
    for pattern in patterns {
      for range in line.ranges(ofText: pattern.before) {
        let rest = line[range.upperBound...]
        let digits = rest.prefix { $0.isASCIIDigit }
        guard let id = UInt32(digits), id > 0 else { continue }
        let after = rest.dropFirst(digits.count)
        if let next = after.first, next.isLetter || next.isNumber || next == "_" { continue }
        var mention = JobMention(jobID: id, cluster: nil, form: .sentence)
        let clusterMark = " on cluster "
        if pattern.isSbatch, after.hasPrefix(clusterMark) {
          let name = after.dropFirst(clusterMark.count).prefix { !$0.isWhitespace }
          if isClusterName(name) { mention.cluster = String(name) }
        }
        if !mentions.contains(mention) { mentions.append(mention) }
      }
    }
    return mentions
  }

  private static func isClusterName(_ text: Substring) -> Bool {
    !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}

extension String {
  fileprivate func ranges(ofText text: String) -> [Range<Index>] {
    var ranges: [Range<Index>] = []
    var start = startIndex
    while start < endIndex, let candidate = self[start...].firstIndex(of: text[text.startIndex]) {
      if self[candidate...].hasPrefix(text) {
        ranges.append(candidate..<index(candidate, offsetBy: text.count))
      }
      start = index(after: candidate)
    }
    return ranges
  }
}
