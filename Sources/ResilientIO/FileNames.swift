internal import SystemCalls
internal import SystemPackage

/// The names that a run uses for one file of the log directory.
enum TargetName: Sendable, Equatable, Hashable {
  /// 0: the file's own name; n: the nth alternative beside it, for when another file has that name.
  case place(Int)
  /// A name that only this run uses, until the file gets its place.
  case temporary(Int)
}

/// The spelling of these names.
struct TargetNames: Sendable {
  /// The longest file name on common file systems, in bytes.
  private static let longest = 255

  let path: FilePath
  /// The run id. No other run uses it.
  let runID: String

  func path(_ name: TargetName) -> FilePath {
    switch name {
    case .place(0): path
    case .place(1): path.parent.appending(bytes: fitted([], Array(".\(runID)".utf8)))
    case .place(let number): path.parent.appending(bytes: fitted([], Array(".\(runID).\(number)".utf8)))
    case .temporary(let number):
      path.parent.appending(bytes: fitted([UInt8(ascii: ".")], Array(".\(runID).\(number).tmp".utf8)))
    }
  }

  /// Bytes kept at the end of a shortened name, because the end distinguishes the files of a run (`usage.jsonl`).
  private static let end = 12

  /// The file's name between two parts. If the result would be too long, cuts bytes out before the kept end.
  private func fitted(_ before: [UInt8], _ behind: [UInt8]) -> [UInt8] {
    before + Self.shortened(path.nameBytes, to: max(Self.longest - before.count - behind.count, 0)) + behind
  }

  static func shortened(_ name: [UInt8], to room: Int) -> [UInt8] {
    name.count <= room ? name : Array(name.prefix(max(room - end, 0)) + name.suffix(min(end, room)))
  }
}

/// The spelling of the alternative name of a file, with the run id. Shortened if it would be too long.
///
/// - Parameter number: which alternative name, from 1 on.
public func nameBeside(_ name: [UInt8], runID: String, number: Int = 1) -> [UInt8] {
  TargetNames(path: FilePath(bytes: name), runID: runID).path(.place(number)).nameBytes
}
