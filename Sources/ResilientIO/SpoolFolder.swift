import Glibc
internal import CSystemCalls
public import SystemCalls
public import SystemPackage

/// The folder of one run in a spool. Whoever has it open holds its lock, as long as a process is left that
/// has inherited that descriptor.
public final class SpoolFolder: Sendable {
  /// The folder itself: its lock, and the way to all that is in it, are one descriptor.
  public let contents: PrivateFolder

  public var path: FilePath { contents.path }
  /// To hand on to a process that shall hold the lock too.
  public var lock: FileDescriptor { contents.descriptor }

  /// Makes the folder of a new run.
  public static func create(_ spool: Spool, name: String) throws(IOFailure) -> SpoolFolder {
    let path = spool.base.appending(name: name)
    // Under a name that nobody looks at: a folder that is seen has a lock that is held.
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

  /// A folder is made in milliseconds; nobody is at one of this age that has no name yet.
  private static let secondsToMakeOne = 60

  static func removeUnfinished(_ hidden: [UInt8], in base: PrivateFolder) {
    guard let folder = try? PrivateFolder(hidden, in: base),
      folder.modification < time(nil) - secondsToMakeOne, (try? lock(folder)) != nil
    else { return }
    // It gets its files once it has its name: what holds anything is not ours.
    base.remove(hidden)
  }

  /// Opens one that is there. Nil while another process has it.
  ///
  /// - Throws: also where it has been removed meanwhile: then the errno is ENOENT.
  public static func open(_ path: FilePath) throws(PrivateFolder.Refusal) -> SpoolFolder? {
    let folder = try PrivateFolder(path)
    do throws(Errno) { try lock(folder) } catch {
      if error == .wouldBlock { return nil }
      throw PrivateFolder.Refusal("lock", error)
    }
    // Whoever had it may have removed it since it was opened: such a lock protects nothing.
    guard folder.isInPlace else { throw PrivateFolder.Refusal("open", .noSuchFileOrDirectory) }
    return SpoolFolder(folder)
  }

  private static func lock(_ folder: PrivateFolder) throws(Errno) {
    _ = try valueOrErrno { duct_lock(folder.descriptor.rawValue) }
  }

  /// One whose lock this process has inherited.
  public convenience init(
    _ path: FilePath, inheriting lock: FileDescriptor
  ) throws(PrivateFolder.Refusal) {
    let folder = try PrivateFolder(path, open: lock)
    guard folder.isInPlace else { throw PrivateFolder.Refusal("open", .noSuchFileOrDirectory) }
    self.init(folder)
  }

  private init(_ contents: PrivateFolder) { self.contents = contents }

  // MARK: The process that carries the run's files

  /// Waits for the process that carries the run's files, should it be there still: two that write into the
  /// same files would cut off each other's ends.
  ///
  /// - Returns: the lock, to be kept until the end; nil if it is not free by the deadline.
  public func lockDelivery(
    until deadline: MonotonicInstant
  ) throws(PrivateFolder.Refusal) -> FileDescriptor? {
    try Self.lockDelivery(contents, until: deadline)
  }

  /// Takes the lock of the process that carries a run's files, for as long as this one lives.
  public static func holdDelivery(_ folder: FilePath) -> Bool {
    (try? PrivateFolder(folder)).flatMap { try? lockDelivery($0, until: .now + 5) } != nil
  }

  /// The file that is the lock of the process that carries.
  public static let carrier = "carrier"

  private static func lockDelivery(
    _ folder: PrivateFolder, until deadline: MonotonicInstant
  ) throws(PrivateFolder.Refusal) -> FileDescriptor? {
    let file: FileDescriptor
    do throws(PrivateFolder.Refusal) { file = try folder.open(carrier, .readWrite, options: [.create]) } catch
    {
      // It was removed since it was opened.
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

  /// Removes what is ours in it, and then it, unless more is in it. Its lock is held as long as it is open.
  ///
  /// - Parameter isOurs: asked for each name.
  public func remove(_ isOurs: ([UInt8]) -> Bool) { contents.remove(isOurs) }
}
