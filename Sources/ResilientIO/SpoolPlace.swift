import Glibc
internal import SystemCalls
public import SystemPackage

/// A place where a spool can be.
public enum SpoolPlace: Sendable, Equatable {
  /// `duct-UID` in an existing folder, such as /tmp, which others may be able to write to.
  case named(FilePath)
  /// `.local/state/duct-UID` in a home directory.
  case home(FilePath)
  /// `duct-UID-` and a random name in a folder. No one can create that name in advance. Found again by its owner
  /// and by a marker file in it.
  case random(FilePath)

  private static let marker = ".duct-spool"
  /// The most names that a search reads, because a folder for temporary files can be very full.
  private static let mostNames = 50_000

  /// The path that decides whether the place is on a local disk.
  var parent: FilePath {
    switch self {
    case .named(let parent), .home(let parent), .random(let parent): parent
    }
  }

  /// Whether the spool's name is known without a search.
  public var hasFixedName: Bool {
    if case .random = self { false } else { true }
  }

  private static func name(_ uid: UInt32) -> String { "duct-\(uid)" }

  /// Whether a folder of that name can be a spool of any user: `duct-UID`, or `duct-UID-` and a random name.
  public static func isName(_ name: [UInt8]) -> Bool {
    let parts = name.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return (2...3).contains(parts.count) && parts[0].elementsEqual("duct".utf8) && !parts[1].isEmpty
      && parts[1].allSatisfy { (0x30...0x39).contains($0) } && parts.last?.isEmpty == false
  }

  // MARK: What is there

  /// The existing spools in this place; creates none. If somebody has since allowed others to read them, they
  /// still count: no one else can have changed their contents.
  func existing(_ uid: UInt32) -> [FilePath] {
    candidates(uid).filter { (try? PrivateFolder($0, owner: uid)) != nil }
  }

  /// Spools of this user that are not used, because others may write into them or they cannot be listed.
  func refused(_ uid: UInt32) -> [(base: FilePath, reason: PrivateFolder.Refusal)] {
    candidates(uid).compactMap { base in
      do throws(PrivateFolder.Refusal) {
        let folder = try PrivateFolder(base, owner: uid)
        do throws(Errno) { _ = try folder.names() } catch { throw PrivateFolder.Refusal("list", error) }
      } catch {
        // A folder of another user contains nothing of this user.
        let found = try? FileIdentity.asked(at: base, followingLinks: false)
        return found?.owner == uid && found?.isDirectory == true ? (base, error) : nil
      }
      return nil
    }
  }

  private func candidates(_ uid: UInt32) -> [FilePath] {
    switch self {
    case .named(let parent): [parent.appending(name: Self.name(uid))]
    case .home(let home): [Self.state(home).appending(name: Self.name(uid))]
    case .random(let parent): Self.randomOnes(in: parent, uid)
    }
  }

  private static func randomOnes(in parent: FilePath, _ uid: UInt32) -> [FilePath] {
    guard let directory = try? FileDescriptor.opening(parent, .readOnly, options: .directory) else {
      return []
    }
    defer { directory.closeQuietly() }
    // A directory that cannot be listed is no place for a spool: another one is found.
    return ((try? entryNames(of: directory, beginningWith: name(uid) + "-", limit: mostNames)) ?? [])
      .sorted { $0.lexicographicallyPrecedes($1) }
      .map { parent.appending(bytes: $0) }
      .filter { path in
        (try? PrivateFolder(path, owner: uid))?.has(marker) ?? false
      }
  }

  // MARK: Making one

  /// The spool in this place; creates it if it does not exist.
  ///
  /// - Returns: its path, and the reason if it is not suitable.
  func prepare(_ uid: UInt32) -> (base: FilePath, trouble: String?) {
    switch self {
    case .named(let parent): return Self.prepare(parent.appending(name: Self.name(uid)), uid)
    case .home(let home):
      let state = Self.state(home)
      var information = stat()
      // root must leave nothing in the home of another user.
      guard home.withPlatformString({ stat($0, &information) }) == 0, information.st_uid == uid else {
        return (state, "it is not the home of user \(uid)")
      }
      do throws(IOFailure) { try makeDirectories(state, mode: 0o700) } catch {
        return (state, error.description)
      }
      return Self.prepare(state.appending(name: Self.name(uid)), uid)
    case .random(let parent):
      if let there = existing(uid).first(where: { Self.trouble(of: $0, uid) == nil }) { return (there, nil) }
      let name = "\(Self.name(uid))-\(String(UInt64.random(in: .min ... .max), radix: 36))"
      let found = Self.prepare(parent.appending(name: name), uid)
      if found.trouble != nil { return found }
      do throws(PrivateFolder.Refusal) {
        let folder = try PrivateFolder(found.base, owner: uid)
        try folder.open(Self.marker, .writeOnly, options: [.create]).closeQuietly()
        return found
      } catch {
        found.base.withPlatformString { _ = rmdir($0) }
        return (found.base, error.description)
      }
    }
  }

  private static func state(_ home: FilePath) -> FilePath {
    home.appending(name: ".local").appending(name: "state")
  }

  private static func prepare(_ base: FilePath, _ uid: UInt32) -> (base: FilePath, trouble: String?) {
    do throws(Errno) { try FileCalls.makeDirectory(base, 0o700) } catch {
      if error != .fileExists { return (base, "\(error.description) (\(error.name))") }
    }
    if let trouble = trouble(of: base, uid) { return (base, trouble) }
    return (base, base.withPlatformString { access($0, W_OK | X_OK) } == 0 ? nil : "it cannot be written")
  }

  /// Why a folder is not suitable. In a world-writable parent, another user may have created it.
  private static func trouble(of base: FilePath, _ uid: UInt32) -> String? {
    var information = stat()
    guard base.withPlatformString({ lstat($0, &information) }) == 0 else { return "it does not exist" }
    guard information.st_mode & S_IFMT == S_IFDIR else { return "it is no directory" }
    guard information.st_uid == uid else { return "it belongs to user \(information.st_uid)" }
    guard information.st_mode & 0o077 == 0 else { return "others may look into it" }
    return nil
  }
}
