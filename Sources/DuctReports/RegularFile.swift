import Glibc
internal import SystemCalls
internal import SystemPackage

/// A file of a listed directory, or one that a record names, may be anything. Only a regular one is read:
/// a FIFO would wait for a writer for ever, and a device has no end.
struct RegularFile: ~Copyable {
  /// Why it cannot be read.
  struct Problem: Error {
    var description: String
    init(_ description: String) { self.description = description }
    init(_ error: Errno) { description = "\(error.description) (\(error.name))" }
  }

  private let file: FileDescriptor
  /// In bytes, when it was opened.
  let size: Int

  private init(_ file: FileDescriptor, size: Int) {
    self.file = file
    self.size = size
  }

  static func open(_ path: FilePath) throws(Problem) -> RegularFile {
    var status = stat()
    let descriptor: FileDescriptor
    do throws(Errno) {
      descriptor = try FileDescriptor.opening(path, .readOnly, options: .nonBlocking)
    } catch {
      throw Problem(error)
    }
    let isKnown = fstat(descriptor.rawValue, &status) == 0
    let error = Errno(rawValue: errno)
    // From here on it is closed whatever happens.
    let file = RegularFile(descriptor, size: status.st_size)
    if !isKnown { throw Problem(error) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return file
    case S_IFDIR: throw Problem(.isDirectory)
    default: throw Problem("it is no regular file")
    }
  }

  deinit { file.closeQuietly() }

  /// All of it.
  borrowing func bytes(limit: Int) throws(Problem) -> [UInt8] {
    if size > limit { throw Problem("it has \(size) bytes, and \(limit) are the most") }
    return try bytes(from: 0, count: size)
  }

  /// What is there; less than asked for if it has become shorter since.
  borrowing func bytes(from start: Int, count: Int) throws(Problem) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    do throws(Errno) {
      while done < count {
        let got = try valueOrErrno {
          bytes.withUnsafeMutableBytes { buffer in
            pread(file.rawValue, buffer.baseAddress.map { $0 + done }, count - done, start + done)
          }
        }
        if got == 0 { break }
        done += got
      }
    } catch {
      throw Problem(error)
    }
    return Array(bytes[..<done])
  }
}
