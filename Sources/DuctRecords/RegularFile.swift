import Glibc
public import SystemCalls
public import SystemPackage

/// A regular file, opened for reading.
///
/// A file from a directory listing, or one that a record names, can be of any kind. Other kinds are not read: a
/// FIFO would wait for a writer forever, and a device has no end.
public struct RegularFile: ~Copyable {
  private let file: FileDescriptor
  /// Bytes, when it was opened.
  public let size: Int
  /// Id of the user who owns it.
  public let owner: UInt32
  public let place: Place

  /// Distinguishes files that exist at the same time, whatever their paths.
  public struct Place: Hashable, Sendable {
    private let device: UInt
    private let inode: UInt

    fileprivate init(_ status: stat) { (device, inode) = (UInt(status.st_dev), UInt(status.st_ino)) }
  }

  private init(_ file: FileDescriptor, _ status: stat) {
    self.file = file
    size = Int(status.st_size)
    owner = status.st_uid
    place = Place(status)
  }

  /// - Parameter options: in addition to `nonBlocking`, which is always set.
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
    // From here on, deinit closes the descriptor, also after an error.
    let file = RegularFile(descriptor, status)
    if !isKnown { throw Problem(error) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return file
    case S_IFDIR: throw Problem(.isDirectory)
    default: throw Problem("it is no regular file")
    }
  }

  deinit { file.closeQuietly() }

  /// Reads the whole file.
  ///
  /// - Throws: `Problem` if it has more than `limit` bytes.
  borrowing func text(limit: Int) throws(Problem) -> FileText {
    if size > limit {
      throw Problem("it has \(size >> 20) MiB, and \(limit >> 20) MiB are the most that is read")
    }
    do throws(Errno) {
      return try FileText(capacity: size) { buffer throws(Errno) in try read(into: buffer, from: 0) }
    } catch {
      throw Problem(error)
    }
  }

  /// Reads a part. Returns less than `count` bytes if the file has become shorter.
  public borrowing func bytes(from start: Int, count: Int) throws(Problem) -> [UInt8] {
    var failure: Errno?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      do throws(Errno) { done = try read(into: UnsafeMutableRawBufferPointer(buffer), from: start) } catch {
        failure = error
      }
    }
    if let failure { throw Problem(failure) }
    return bytes
  }

  /// Fills the buffer. Returns less than its length if the file ends before.
  private borrowing func read(
    into buffer: UnsafeMutableRawBufferPointer, from start: Int
  ) throws(Errno) -> Int {
    var done = 0
    while done < buffer.count {
      let got = pread(file.rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done, start + done)
      if got == 0 { break }
      if got > 0 { done += got } else if errno != EINTR { throw Errno(rawValue: errno) }
    }
    return done
  }
}
