internal import CSystemCalls
import Glibc
public import SystemPackage

extension FileDescriptor {
  /// pipe2(2) with O_CLOEXEC on both ends.
  public static func closeOnExecPipe() throws(Errno) -> (read: FileDescriptor, write: FileDescriptor) {
    var ends: [CInt] = [-1, -1]
    try valueOrErrno { duct_pipe(&ends) }
    return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
  }

  /// A connected pair of local stream sockets, both close-on-exec.
  public static func closeOnExecSocketPair() throws(Errno) -> (FileDescriptor, FileDescriptor) {
    var ends: [CInt] = [-1, -1]
    try valueOrErrno { duct_socket_pair(&ends) }
    return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
  }

  /// Creates an eventfd(2): a descriptor that another thread makes readable with `signalEvent()`.
  public static func event() throws(Errno) -> FileDescriptor {
    FileDescriptor(rawValue: try valueOrErrno { duct_event_descriptor() })
  }

  /// Creates a file in memory that has no name in any directory.
  public static func memory(_ name: String) throws(Errno) -> FileDescriptor {
    FileDescriptor(rawValue: try valueOrErrno { duct_memory_file(name, 0) })
  }

  public func signalEvent() {
    var one: UInt64 = 1
    _ = Glibc.write(rawValue, &one, 8)
  }

  public func clearEvent() {
    var count: UInt64 = 0
    _ = Glibc.read(rawValue, &count, 8)
  }

  /// Bytes in a pipe that are not yet read; nil if ioctl(2) fails.
  public var bytesReadable: Int? {
    let bytes = duct_bytes_readable(rawValue)
    return bytes < 0 ? nil : Int(bytes)
  }

  public var isOpen: Bool { duct_is_open(rawValue) == 1 }

  public var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Sets the size of a pipe's buffer, in bytes. False if the kernel refuses, because the user's pipe quota is used
  /// up.
  @discardableResult
  public func setPipeSize(_ bytes: Int) -> Bool {
    duct_set_pipe_size(rawValue, CInt(clamping: bytes)) >= 0
  }

  public func setNonBlocking() throws(Errno) {
    try valueOrErrno { duct_set_nonblocking(rawValue) }
  }

  /// Closes the descriptor and ignores the result. For descriptors that were only read from.
  public func closeQuietly() { _ = Glibc.close(rawValue) }
}

/// Reads a file until its end, an error, or at least `limit` bytes. For small files such as those of /proc.
public func readAll(_ path: FilePath, limit: Int = 1 << 20) throws(Errno) -> [UInt8] {
  let file = try FileDescriptor.opening(path, .readOnly)
  defer { file.closeQuietly() }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 16 << 10)
  while bytes.count < limit {
    let got = try valueOrErrno {
      chunk.withUnsafeMutableBytes { Glibc.read(file.rawValue, $0.baseAddress, $0.count) }
    }
    if got == 0 { break }
    bytes.append(contentsOf: chunk[..<got])
  }
  return bytes
}

extension FileDescriptor {
  /// open(2) with O_CLOEXEC. Throws only `Errno`.
  public static func opening(
    _ path: FilePath, _ mode: AccessMode, options: OpenOptions = [],
    permissions: FilePermissions = [
      .ownerReadWrite, .groupReadWrite, .otherReadWrite,
    ]
  ) throws(Errno) -> FileDescriptor {
    let flags = mode.rawValue | options.rawValue | O_CLOEXEC
    let number = try valueOrErrno {
      path.withPlatformString { Glibc.open($0, flags, permissions.rawValue) }
    }
    return FileDescriptor(rawValue: number)
  }
}

extension FileDescriptor {
  /// Writes all bytes with write(2), continuing after short writes. Waits for the reader, even if another process
  /// has made the descriptor non-blocking.
  public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    if let error = writeMost(bytes).error { throw error }
  }

  /// Writes all bytes as `writeAll` does. Returns the number of bytes written and the error that stopped it, if
  /// any.
  public func writeMost(_ bytes: UnsafeRawBufferPointer) -> (count: Int, error: Errno?) {
    var done = 0
    while done < bytes.count {
      do throws(Errno) {
        done += try valueOrErrno {
          Glibc.write(rawValue, bytes.baseAddress.map { $0 + done }, bytes.count - done)
        }
      } catch {
        guard error == .resourceTemporarilyUnavailable else { return (done, error) }
        do throws(Errno) { _ = try poll(reading: [], writing: self) } catch { return (done, error) }
      }
    }
    return (done, nil)
  }

  public func writeAll(_ bytes: [UInt8]) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { buffer in
      do throws(Errno) { try writeAll(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
