internal import SystemCalls
internal import SystemPackage

/// The names that a run uses for one file of the log directory.
enum TargetName: Sendable, Equatable, Hashable {
  /// 0: its own; n: the nth beside it, for when another has that.
  case place(Int)
  /// Of this run alone, until it has its name.
  case temporary(Int)
}

/// How those names are spelled.
struct TargetNames: Sendable {
  /// The longest name of the common file systems, in bytes.
  private static let longest = 255

  let path: FilePath
  /// Of the run: no other uses it.
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

  /// So much of a name's end stays: it tells the files of a run apart (`usage.jsonl`).
  private static let end = 12

  /// The file's name between two parts, shortened in its middle where it is too long: what tells it apart is behind it.
  private func fitted(_ before: [UInt8], _ behind: [UInt8]) -> [UInt8] {
    before + Self.shortened(path.nameBytes, to: max(Self.longest - before.count - behind.count, 0)) + behind
  }

  static func shortened(_ name: [UInt8], to room: Int) -> [UInt8] {
    name.count <= room ? name : Array(name.prefix(max(room - end, 0)) + name.suffix(min(end, room)))
  }
}

/// How the name of a file is spelled beside it, with the id of its run: shortened where both are too long.
///
/// - Parameter number: which of such names, from 1 on.
public func nameBeside(_ name: [UInt8], runID: String, number: Int = 1) -> [UInt8] {
  TargetNames(path: FilePath(bytes: name), runID: runID).path(.place(number)).nameBytes
}
