internal import CSystemCalls
import Glibc
public import SystemPackage

/// A small regular file of any owner, read from a file system that may hang.
public struct AsideFile: Sendable {
  public var bytes: [UInt8]
  public var owner: UInt32
  public var group: UInt32
  public var permissions: UInt32

  /// Why a file was not read.
  public enum Failure: Error, Sendable, Equatable {
    case call(Errno)
    case isNoFile
    /// The file has more bytes than the limit: its size.
    case isTooLarge(Int)
    /// The file system did not answer in time: the seconds that the caller waited.
    case hangs(Double)
  }

  /// The result of reading one file.
  ///
  /// Its own type because Swift builds the metadata of a `Result` of these two types at run time, which delays the
  /// start noticeably.
  public enum Reading: Sendable {
    case success(AsideFile)
    case failure(Failure)
  }

  /// Reads a file in this process. For file systems that do not hang.
  public static func read(_ path: FilePath, limit: Int) -> Reading {
    var head = duct_file_head()
    let number = path.withPlatformString { duct_open_regular($0, &head) }
    let file = FileDescriptor(rawValue: number)
    defer { if number >= 0 { file.closeQuietly() } }
    if let failure = Self.failure(head, limit: limit) { return .failure(failure) }
    do throws(Errno) {
      return Reading.success(AsideFile(head, try file.readUpTo(limit + 1))).limited(limit)
    } catch {
      return .failure(.call(error))
    }
  }

  /// Reads files in a separate process. For file systems that may hang.
  ///
  /// The caller waits at most `patience` seconds for each file.
  public static func readAside(
    _ paths: [FilePath], limit: Int, patience: Double
  ) -> [Reading] {
    var results: [Reading] = []
    while results.count < paths.count {
      let rest = Array(paths[results.count...])
      do throws(Errno) {
        let pipe = try start(rest, limit: limit)
        defer { pipe.closeQuietly() }
        var reader = PipeReader(pipe)
        for _ in rest {
          reader.deadline = .now + patience
          let result = reader.file(limit: limit)
          results.append(result ?? .failure(.hangs(patience)))
          // The process hangs in this file and will not send the next ones: another process reads them.
          if result == nil { break }
        }
      } catch {
        results += rest.map { _ in .failure(.call(error)) }
      }
    }
    return results
  }

  private static func start(_ paths: [FilePath], limit: Int) throws(Errno) -> FileDescriptor {
    let names = paths.map { $0.withPlatformString { strdup($0) } }
    defer { for name in names { free(name) } }
    let pointers = names.map { UnsafePointer($0) }
    return FileDescriptor(
      rawValue: try valueOrErrno(retryOnInterrupt: false) {
        duct_read_aside(pointers, pointers.count, Int64(limit))
      })
  }

  fileprivate init(_ head: duct_file_head, _ bytes: [UInt8]) {
    self.bytes = bytes
    owner = head.owner
    group = head.group
    permissions = head.mode & 0o7777
  }

  /// Why the file cannot be read; nil if it can.
  fileprivate static func failure(_ head: duct_file_head, limit: Int) -> Failure? {
    if head.error != 0 { return .call(Errno(rawValue: head.error)) }
    switch head.mode & S_IFMT {
    case S_IFREG: return head.size > limit ? .isTooLarge(Int(head.size)) : nil
    case S_IFDIR: return .call(.isDirectory)
    default: return .isNoFile
    }
  }
}

extension AsideFile.Reading {
  /// Fails if the file has grown beyond the limit since its size was read.
  fileprivate func limited(_ limit: Int) -> Self {
    guard case .success(let file) = self, file.bytes.count > limit else { return self }
    return .failure(.isTooLarge(file.bytes.count))
  }
}

/// Reads the messages that `duct_read_aside` sends.
private struct PipeReader {
  let pipe: FileDescriptor
  var deadline = MonotonicInstant.now

  init(_ pipe: FileDescriptor) { self.pipe = pipe }

  /// The next file; nil if the deadline passed or the sending process has ended.
  func file(limit: Int) -> AsideFile.Reading? {
    var head = duct_file_head()
    guard withUnsafeMutableBytes(of: &head, fill) else { return nil }
    if let failure = AsideFile.failure(head, limit: limit) { return .failure(failure) }
    var bytes: [UInt8] = []
    while true {
      var length: Int32 = 0
      guard withUnsafeMutableBytes(of: &length, fill) else { return nil }
      if length < 0 { return .failure(.call(Errno(rawValue: -length))) }
      if length == 0 { return AsideFile.Reading.success(AsideFile(head, bytes)).limited(limit) }
      var piece = [UInt8](repeating: 0, count: Int(length))
      guard piece.withUnsafeMutableBytes(fill) else { return nil }
      bytes += piece
    }
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < buffer.count {
      guard let ready = try? poll(reading: [pipe], until: deadline), ready[0].isReadable else { return false }
      let got = Glibc.read(pipe.rawValue, buffer.baseAddress.map { $0 + done }, buffer.count - done)
      if got < 0, errno == EINTR { continue }
      if got <= 0 { return false }
      done += got
    }
    return true
  }
}

extension FileDescriptor {
  /// Calls read(2) until end of file, an error, or `count` bytes.
  fileprivate func readUpTo(_ count: Int) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < count {
      let most = min(chunk.count, count - bytes.count)
      let got = try valueOrErrno {
        chunk.withUnsafeMutableBytes { Glibc.read(rawValue, $0.baseAddress, most) }
      }
      if got == 0 { break }
      bytes += chunk[..<got]
    }
    return bytes
  }
}
