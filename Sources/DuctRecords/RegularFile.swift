import Glibc
internal import SystemCalls
public import SystemPackage

/// A file of a listed directory, or one that a record names, may be anything. Only a regular one is read:
/// a FIFO would wait for a writer for ever, and a device has no end.
public struct RegularFile: ~Copyable {
  /// Why it cannot be read.
  public struct Problem: Error {
    public var description: String
    public init(_ description: String) { self.description = description }
    init(_ error: Errno) { description = "\(error.description) (\(error.name))" }
  }

  private let file: FileDescriptor
  /// In bytes, when it was opened.
  public let size: Int
  /// The user that it belongs to.
  public let owner: UInt32

  private init(_ file: FileDescriptor, _ status: stat) {
    self.file = file
    size = Int(status.st_size)
    owner = status.st_uid
  }

  /// - Parameter options: beside those that every file of others is opened with.
  public static func open(
    _ path: FilePath, options: FileDescriptor.OpenOptions = []
  ) throws(Problem) -> RegularFile {
    var status = stat()
    let descriptor: FileDescriptor
    do throws(Errno) {
      descriptor = try FileDescriptor.opening(path, .readOnly, options: options.union(.nonBlocking))
    } catch {
      throw options.contains(.noFollow) && error == .tooManySymbolicLinkLevels
        ? Problem("it is a symbolic link") : Problem(error)
    }
    let isKnown = fstat(descriptor.rawValue, &status) == 0
    let error = Errno(rawValue: errno)
    // From here on it is closed whatever happens.
    let file = RegularFile(descriptor, status)
    if !isKnown { throw Problem(error) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return file
    case S_IFDIR: throw Problem(.isDirectory)
    default: throw Problem("it is no regular file")
    }
  }

  deinit { file.closeQuietly() }

  /// All of it.
  public borrowing func bytes(limit: Int) throws(Problem) -> [UInt8] {
    if size > limit {
      throw Problem("it has \(size >> 20) MiB, and \(limit >> 20) MiB are the most that is read")
    }
    return try bytes(from: 0, count: size)
  }

  /// What is there; less than asked for if it has become shorter since.
  public borrowing func bytes(from start: Int, count: Int) throws(Problem) -> [UInt8] {
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      while done < count, failure == nil {
        let got = pread(file.rawValue, buffer.baseAddress.map { $0 + done }, count - done, start + done)
        if got == 0 { break }
        if got > 0 { done += got } else if errno != EINTR { failure = Errno(rawValue: errno) }
      }
    }
    if let failure { throw Problem(failure) }
    return bytes
  }
}
