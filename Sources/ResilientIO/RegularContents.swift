import Glibc
internal import SystemCalls
public import SystemPackage

/// Opens a file for reading that others may have created. It must be a regular file. Does not follow a link and
/// does not wait for the writer of a FIFO.
///
/// - Throws: EINVAL if it is not a regular file.
public func openRegularFile(_ path: FilePath) throws(Errno) -> FileDescriptor {
  let number = try valueOrErrno {
    path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
  }
  let file = FileDescriptor(rawValue: number)
  var information = stat()
  guard fstat(number, &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
    file.closeQuietly()
    throw .invalidArgument
  }
  return file
}

extension Errno {
  /// Whether this error of `openRegularFile` means that there is no regular file. Otherwise there may be one that cannot
  /// be read now.
  public var meansNoRegularFile: Bool {
    [.noSuchFileOrDirectory, .notDirectory, .invalidArgument, .tooManySymbolicLinkLevels].contains(self)
  }
}

/// Reads a whole regular file that others may have created.
///
/// - Throws: EFBIG if it has more than `limit` bytes.
public func readRegularFile(_ path: FilePath, limit: Int) throws(Errno) -> [UInt8] {
  let file = try openRegularFile(path)
  defer { file.closeQuietly() }
  do throws(PrivateFolder.Refusal) { return try readContents(file, limit: limit) } catch {
    throw error.errno ?? .fileTooLarge
  }
}

/// Reads a whole open regular file, with one allocation.
func readContents(_ file: FileDescriptor, limit: Int) throws(PrivateFolder.Refusal) -> [UInt8] {
  var information = stat()
  guard fstat(file.rawValue, &information) == 0 else { throw .init("stat", Errno(rawValue: errno)) }
  let size = Int(information.st_size)
  guard size <= limit else {
    throw .init("it has \(size) bytes, and \(limit) are the most")
  }
  var bytes = [UInt8](repeating: 0, count: size)
  var done = 0
  do throws(Errno) {
    while done < size {
      let got = try valueOrErrno {
        bytes.withUnsafeMutableBytes {
          pread(file.rawValue, $0.baseAddress.map { $0 + done }, size - done, off_t(done))
        }
      }
      if got == 0 { break }
      done += got
    }
  } catch {
    throw .init("read", error)
  }
  return done == size ? bytes : Array(bytes[..<done])
}
