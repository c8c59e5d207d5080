import Glibc
internal import CSystemCalls
public import SystemCalls
public import SystemPackage

/// The folder of one run in a spool. The process that opens it holds its lock, until the last process that has
/// inherited the descriptor ends.
public final class SpoolFolder: Sendable {
  /// The folder itself. One descriptor is both its lock and the way to its files.
  public let contents: PrivateFolder

  public var path: FilePath { contents.path }
  /// To pass on to a process that should hold the lock too.
  public var lock: FileDescriptor { contents.descriptor }

  /// Creates the folder of a new run.
  public static func create(_ spool: Spool, name: String) throws(IOFailure) -> SpoolFolder {
    let path = spool.base.appending(name: name)
    // First under a hidden name that other processes ignore, so that the lock of every visible folder is already
    // held.
    let hidden = "." + name
    let base: PrivateFolder
    do throws(PrivateFolder.Refusal) { base = try PrivateFolder(spool.base) } catch {
      throw IOFailure("open", spool.base, error.errno ?? .permissionDenied)
    }
    try attempt("mkdir", path) { () throws(Errno) in try base.makeFolder(hidden) }
    do throws(PrivateFolder.Refusal) {
      let made = try PrivateFolder(Array(hidden.utf8), in: base, path: path)
      do throws(Errno) {
        try lock(made)
        if base.has(name) { throw .fileExists }
        try base.rename(hidden, to: name)
      } catch {
        throw PrivateFolder.Refusal("make", error)
      }
      return SpoolFolder(made)
    } catch {
      base.remove(hidden)
      throw IOFailure("mkdir", path, error.errno ?? .permissionDenied)
    }
  }

  /// Creating a folder takes milliseconds. A hidden folder of this age, in seconds, belongs to no live process.
  private static let secondsToMakeOne = 60

  /// The names of folders that processes share begin so, see `PrivateFolder.init(shared:in:)`.
  public static let sharedStart = ".step-"
  /// The file in a shared folder whose lock the process holds that will remove the folder.
  public static let sharedLock = "watch"

  /// Removes a shared folder whose process was killed.
  static func removeLeft(shared name: [UInt8], in base: PrivateFolder) {
    guard let folder = try? PrivateFolder(name, in: base),
      folder.modification < time(nil) - secondsToMakeOne
    else { return }
    guard let file = try? folder.open(sharedLock, .readWrite, options: [.create]) else { return }
    defer { file.closeQuietly() }
    if lockFile(file) { folder.remove { _ in true } }
  }

  static func removeUnfinished(_ hidden: [UInt8], in base: PrivateFolder) {
    guard let folder = try? PrivateFolder(hidden, in: base),
      folder.modification < time(nil) - secondsToMakeOne, (try? lock(folder)) != nil
    else { return }
    // A folder gets files only after it has its final name, so this removes only empty ones.
    base.remove(hidden)
  }

  /// Opens an existing folder. Nil while another process holds its lock.
  ///
  /// - Parameter sharing: only look into it. Several processes can do so at the same time, but none that holds the lock
  ///   alone.
  /// - Throws: `Refusal`, with errno ENOENT if the folder was removed in the meantime.
  public static func open(
    _ path: FilePath, sharing: Bool = false
  ) throws(PrivateFolder.Refusal) -> SpoolFolder? {
    let folder = try PrivateFolder(path)
    do throws(Errno) { try lock(folder, sharing: sharing) } catch {
      if error == .wouldBlock { return nil }
      throw PrivateFolder.Refusal("lock", error)
    }
    // The previous holder of the lock may have removed the folder since it was opened. A lock on a removed folder
    // protects nothing.
    guard folder.isInPlace else { throw PrivateFolder.Refusal("open", .noSuchFileOrDirectory) }
    return SpoolFolder(folder)
  }

  private static func lock(_ folder: PrivateFolder, sharing: Bool = false) throws(Errno) {
    let file = folder.descriptor.rawValue
    _ = try valueOrErrno { sharing ? duct_lock_shared(file) : duct_lock(file) }
  }

  /// Takes the lock of a folder that was opened to look into it.
  ///
  /// - Returns: false if another process uses the folder, or has removed it.
  public func lockAlone() -> Bool { (try? Self.lock(contents)) != nil && contents.isInPlace }

  /// Takes over a folder whose lock this process has inherited.
  public convenience init(
    _ path: FilePath, inheriting lock: FileDescriptor
  ) throws(PrivateFolder.Refusal) {
    let folder = try PrivateFolder(path, open: lock)
    guard folder.isInPlace else { throw PrivateFolder.Refusal("open", .noSuchFileOrDirectory) }
    self.init(folder)
  }

  private init(_ contents: PrivateFolder) { self.contents = contents }

  // MARK: The lock of the carrier

  /// Waits for a carrier of this run that may still be alive: two processes that write into the same files would
  /// truncate each other's data.
  ///
  /// - Returns: the lock, to keep until the end. Nil if it is not free by the deadline.
  public func lockCarrier(
    until deadline: MonotonicInstant
  ) throws(PrivateFolder.Refusal) -> FileDescriptor? {
    try Self.lockCarrier(contents, until: deadline)
  }

  /// Takes the carrier's lock for the lifetime of this process. Waits for it up to 5 s.
  public static func holdCarrierLock(_ folder: FilePath) -> Bool {
    (try? PrivateFolder(folder)).flatMap { try? lockCarrier($0, until: .now + 5) } != nil
  }

  /// The file that is the carrier's lock.
  public static let carrier = "carrier"

  private static func lockCarrier(
    _ folder: PrivateFolder, until deadline: MonotonicInstant
  ) throws(PrivateFolder.Refusal) -> FileDescriptor? {
    let file: FileDescriptor
    do throws(PrivateFolder.Refusal) { file = try folder.open(carrier, .readWrite, options: [.create]) } catch
    {
      // The folder was removed after it was opened.
      if error.errno == .noSuchFileOrDirectory { throw error }
      throw PrivateFolder.Refusal("\(carrier): \(error)")
    }
    while duct_lock(file.rawValue) != 0 {
      guard errno == EWOULDBLOCK, deadline > .now else {
        file.closeQuietly()
        return nil
      }
      usleep(20_000)
    }
    return file
  }

  // MARK: What is in it

  public func file(_ name: String) -> FilePath { path.appending(name: name) }

  /// Removes our files and then the folder, unless other files are in it. The lock stays held as long as the
  /// folder is open.
  ///
  /// - Parameter isOurs: called with each name.
  public func remove(_ isOurs: ([UInt8]) -> Bool) { contents.remove(isOurs) }
}
