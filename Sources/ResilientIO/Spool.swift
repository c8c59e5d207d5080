import Glibc
internal import SystemCalls
public import SystemPackage

/// The place on local disk where files wait that cannot be written into a log directory. Only its owner can read
/// it.
public struct Spool: Sendable {
  /// The folder that contains one folder per run.
  public let base: FilePath

  public init(base: FilePath) { self.base = base }

  /// Finds the first suitable place.
  ///
  /// - Parameters:
  ///   - places: the best first.
  ///   - reject: called with each unsuitable place and the reason.
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

  /// The existing spools; creates none.
  public static func existing(in places: [SpoolPlace], uid: UInt32? = nil) -> [Spool] {
    let uid = uid ?? geteuid()
    var seen: Set<FilePath> = []
    return places.filter { Filesystem.kind(of: $0.parent) == .local }
      .flatMap { $0.existing(uid) }
      .filter { seen.insert($0).inserted }
      .map { Spool(base: $0) }
  }

  /// Spools of this user that are not used, because others may have written into them or they cannot be listed.
  public static func refused(in places: [SpoolPlace]) -> [(base: FilePath, reason: PrivateFolder.Refusal)] {
    var seen: Set<FilePath> = []
    return places.filter { Filesystem.kind(of: $0.parent) == .local }
      .flatMap { $0.refused(geteuid()) }
      .filter { seen.insert($0.base).inserted }
  }

  /// The run folders in it. Removes folders that were left by a duct that was killed while it created them.
  public func folders() -> [FilePath] {
    // `refused` reports a spool that cannot be opened or listed.
    guard let folder = try? PrivateFolder(base), let names = try? folder.names() else { return [] }
    var found: [FilePath] = []
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      if name.first != UInt8(ascii: ".") {
        found.append(base.appending(bytes: name))
      } else if name.starts(with: SpoolFolder.sharedStart.utf8) {
        SpoolFolder.removeLeft(shared: name, in: folder)
      } else {
        SpoolFolder.removeUnfinished(name, in: folder)
      }
    }
    return found
  }
}
