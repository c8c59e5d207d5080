import Glibc
internal import CSystemCalls
public import SystemCalls
public import SystemPackage

/// The place on local disk where what cannot be put in a log directory waits: `duct-UID` in a folder for
/// temporary files, readable by its owner alone.
public struct Spool: Sendable {
  /// The folder that holds a folder for each run.
  public let base: FilePath

  public init(base: FilePath) { self.base = base }

  /// Finds the first place that will do.
  ///
  /// - Parameters:
  ///   - parents: folders for temporary files, the best first.
  ///   - reject: told of each that will not do, and why.
  public static func find(
    in parents: [FilePath], uid: UInt32? = nil, reject: (FilePath, String) -> Void = { _, _ in }
  ) -> Spool? {
    let uid = uid ?? geteuid()
    for parent in parents {
      guard Filesystem.kind(of: parent) == .local else {
        reject(parent, "it is not on a local file system")
        continue
      }
      let base = parent.appending(name: "duct-\(uid)")
      if let reason = prepare(base, uid) { reject(base, reason) } else { return Spool(base: base) }
    }
    return nil
  }

  /// Spools that are there, without making one.
  public static func existing(in parents: [FilePath], uid: UInt32? = nil) -> [Spool] {
    let uid = uid ?? geteuid()
    var seen: Set<FilePath> = []
    return parents.compactMap { parent in
      let base = parent.appending(name: "duct-\(uid)")
      guard seen.insert(base).inserted, Filesystem.kind(of: parent) == .local, trouble(of: base, uid) == nil
      else { return nil }
      return Spool(base: base)
    }
  }

  private static func prepare(_ base: FilePath, _ uid: UInt32) -> String? {
    do throws(Errno) { try FileCalls.makeDirectory(base, 0o700) } catch {
      if error != .fileExists { return "\(error.description) (\(error.name))" }
    }
    if let trouble = trouble(of: base, uid) { return trouble }
    return base.withPlatformString { access($0, W_OK | X_OK) } == 0 ? nil : "it cannot be written"
  }

  /// What makes a folder unfit: in a world-writable parent it may have been put there by another.
  private static func trouble(of base: FilePath, _ uid: UInt32) -> String? {
    var information = stat()
    guard base.withPlatformString({ lstat($0, &information) }) == 0 else { return "it does not exist" }
    guard information.st_mode & S_IFMT == S_IFDIR else { return "it is no directory" }
    guard information.st_uid == uid else { return "it belongs to user \(information.st_uid)" }
    guard information.st_mode & 0o077 == 0 else { return "others may look into it" }
    return nil
  }

  /// The folders of runs in it. What a duct has left that was killed while it made one is removed.
  public func folders() -> [FilePath] {
    var found: [FilePath] = []
    for name in ((try? directoryEntries(base)) ?? []).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let path = base.appending(bytes: name)
      if name.first != UInt8(ascii: ".") { found.append(path) } else { SpoolFolder.removeUnfinished(path) }
    }
    return found
  }
}

/// The folder of one run in a spool. Whoever has it open holds its lock, as long as a process is left that
/// has inherited that descriptor.
public struct SpoolFolder: Sendable {
  private static let lockName = "lock"

  public let path: FilePath
  public let lock: FileDescriptor

  /// Makes the folder of a new run.
  public static func create(_ spool: Spool, name: String) throws(IOFailure) -> SpoolFolder {
    let path = spool.base.appending(name: name)
    // Under a name that nobody looks at: a folder that is seen has a lock, and one that is held.
    let hidden = spool.base.appending(name: "." + name)
    try attempt("mkdir", path) { () throws(Errno) in try FileCalls.makeDirectory(hidden, 0o700) }
    do throws(IOFailure) {
      let folder = try SpoolFolder(hidden, options: [.create, .exclusiveCreate])
      do throws(IOFailure) {
        try attempt("rename", path) { () throws(Errno) in try FileCalls.rename(hidden, path) }
        return SpoolFolder(path, inheriting: folder.lock)
      } catch {
        folder.lock.closeQuietly()
        throw error
      }
    } catch {
      hidden.appending(name: Self.lockName).withPlatformString { _ = unlink($0) }
      hidden.withPlatformString { _ = rmdir($0) }
      throw error
    }
  }

  /// A folder is made in milliseconds; nobody is at one of this age that has no name yet.
  private static let secondsToMakeOne = 60

  static func removeUnfinished(_ hidden: FilePath) {
    guard let folder = FileIdentity(at: hidden), folder.isDirectory,
      folder.modification.seconds < time(nil) - secondsToMakeOne
    else { return }
    do throws(IOFailure) {
      let folder = try SpoolFolder(hidden, options: [])
      folder.remove()
      folder.lock.closeQuietly()
    } catch {
      // Without a lock it is empty; with one that is held it is not, and stays.
      hidden.withPlatformString { _ = rmdir($0) }
    }
  }

  /// Opens one that is there. Nil while another process has it.
  public static func open(_ path: FilePath) throws(IOFailure) -> SpoolFolder? {
    do throws(IOFailure) { return try SpoolFolder(path, options: []) } catch {
      if error.errno == .wouldBlock { return nil }
      guard error.errno == .noSuchFileOrDirectory else { throw error }
    }
    // The lock is the last to go: who made it again would keep the folder from being removed.
    if (try? directoryEntries(path))?.isEmpty ?? true {
      path.withPlatformString { _ = rmdir($0) }
      return nil
    }
    do throws(IOFailure) { return try SpoolFolder(path, options: [.create]) } catch {
      if error.errno == .wouldBlock { return nil }
      throw error
    }
  }

  /// One whose lock this process has inherited.
  public init(_ path: FilePath, inheriting lock: FileDescriptor) {
    self.path = path
    self.lock = lock
  }

  private init(_ path: FilePath, options: FileDescriptor.OpenOptions) throws(IOFailure) {
    let name = path.appending(name: Self.lockName)
    let lock = try attempt("open", name) { () throws(Errno) in
      try FileCalls.open(name, .readWrite, options, .ownerReadWrite)
    }
    do throws(IOFailure) {
      try attempt("lock", name) { () throws(Errno) in
        _ = try valueOrErrno { duct_lock(lock.rawValue) }
        // Whoever had it may have removed it since it was opened: such a lock protects nothing.
        if FileIdentity(of: lock)?.links == 0 { throw .noSuchFileOrDirectory }
      }
    } catch {
      lock.closeQuietly()
      throw error
    }
    self.path = path
    self.lock = lock
  }

  /// Waits for the process that carries the run's files, should it be there still: two that write into the
  /// same files would cut off each other's ends.
  ///
  /// - Returns: the lock, to be kept until the end; nil if it is not free by the deadline.
  public func lockCarrying(until deadline: MonotonicInstant) -> FileDescriptor? {
    Self.lockCarrying(path, until: deadline)
  }

  /// Takes the lock of the process that carries a run's files, for as long as this one lives.
  public static func holdCarrying(_ folder: FilePath) -> Bool {
    lockCarrying(folder, until: .now + 5) != nil
  }

  private static func lockCarrying(
    _ folder: FilePath, until deadline: MonotonicInstant
  ) -> FileDescriptor? {
    let name = folder.appending(name: "carrier")
    guard let file = try? FileCalls.open(name, .readWrite, [.create], .ownerReadWrite) else { return nil }
    while duct_lock(file.rawValue) != 0 {
      guard errno == EWOULDBLOCK, deadline > .now else {
        file.closeQuietly()
        return nil
      }
      usleep(20_000)
    }
    return file
  }

  public func file(_ name: String) -> FilePath { path.appending(name: name) }

  /// Removes it with all that is in it. The lock goes last, and is kept until this process ends.
  ///
  /// - Parameter names: of files that are in it: no descriptor may be left to list it.
  public func remove(_ names: [String] = []) {
    for name in names { file(name).withPlatformString { _ = unlink($0) } }
    for name in (try? directoryEntries(path)) ?? [] where !name.elementsEqual(Self.lockName.utf8) {
      path.appending(bytes: name).withPlatformString { _ = unlink($0) }
    }
    path.appending(name: Self.lockName).withPlatformString { _ = unlink($0) }
    path.withPlatformString { _ = rmdir($0) }
  }
}
