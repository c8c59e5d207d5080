import Glibc
internal import SystemCalls
public import SystemPackage

/// The place on local disk where what cannot be put in a log directory waits, readable by its owner alone.
public struct Spool: Sendable {
  /// The folder that holds a folder for each run.
  public let base: FilePath

  public init(base: FilePath) { self.base = base }

  /// Finds the first place that will do.
  ///
  /// - Parameters:
  ///   - places: the best first.
  ///   - reject: told of each that will not do, and why.
  public static func find(
    in places: [SpoolPlace], uid: UInt32? = nil, reject: (FilePath, String) -> Void = { _, _ in }
  ) -> Spool? {
    let uid = uid ?? geteuid()
    for place in places {
      guard Filesystem.kind(of: place.parent) == .local else {
        reject(place.parent, "it is not on a local file system")
        continue
      }
      let (base, trouble) = place.prepare(uid)
      if let trouble { reject(base, trouble) } else { return Spool(base: base) }
    }
    return nil
  }

  /// Spools that are there, without making one.
  public static func existing(in places: [SpoolPlace], uid: UInt32? = nil) -> [Spool] {
    let uid = uid ?? geteuid()
    var seen: Set<FilePath> = []
    return places.filter { Filesystem.kind(of: $0.parent) == .local }
      .flatMap { $0.existing(uid) }
      .filter { seen.insert($0).inserted }
      .map { Spool(base: $0) }
  }

  /// Spools of this user that are not used, since others may have written into them.
  public static func refused(in places: [SpoolPlace]) -> [(base: FilePath, reason: PrivateFolder.Refusal)] {
    var seen: Set<FilePath> = []
    return places.filter { Filesystem.kind(of: $0.parent) == .local }
      .flatMap { $0.refused(geteuid()) }
      .filter { seen.insert($0.base).inserted }
  }

  /// The folders of runs in it. What a duct has left that was killed while it made one is removed.
  public func folders() -> [FilePath] {
    guard let folder = try? PrivateFolder(base) else { return [] }
    var found: [FilePath] = []
    for name in folder.names().sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      if name.first != UInt8(ascii: ".") {
        found.append(base.appending(bytes: name))
      } else {
        SpoolFolder.removeUnfinished(name, in: folder)
      }
    }
    return found
  }
}
