internal import CSystemCalls
import Glibc
public import SystemPackage

/// A small regular file that may be anybody's, on a file system that may hang.
public struct AsideFile: Sendable {
  public var bytes: [UInt8]
  public var owner: UInt32
  public var group: UInt32
  public var permissions: UInt32

  /// Why a file was not read.
  public enum Failure: Error, Sendable, Equatable {
    case call(Errno)
    case isNoFile
    /// It has so many bytes.
    case isTooLarge(Int)
    /// Nothing came within so many seconds.
    case hangs(Double)
  }

  /// What came of reading one. A type of its own: `Result` would be made for these two at run time, which is felt at
  /// start.
  public enum Reading: Sendable {
    case success(AsideFile)
    case failure(Failure)
  }

  /// On a file system that answers for certain.
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

  /// On one that may hang: in a process of its own, which is waited for no longer than `patience` seconds for
  /// each file.
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
          // What has not sent this file will not send the next: another process reads the others.
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

  /// What speaks against reading it.
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
  /// It may have grown since it was looked at.
  fileprivate func limited(_ limit: Int) -> Self {
    guard case .success(let file) = self, file.bytes.count > limit else { return self }
    return .failure(.isTooLarge(file.bytes.count))
  }
}

/// Reads what `duct_read_aside` sends.
private struct PipeReader {
  let pipe: FileDescriptor
  var deadline = MonotonicInstant.now

  init(_ pipe: FileDescriptor) { self.pipe = pipe }

  /// The next file; nil if it did not come in time, or its process has ended.
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
  /// read(2) until the end, an error, or `count` bytes.
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
