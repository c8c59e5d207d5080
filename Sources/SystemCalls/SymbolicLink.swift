import Glibc

/// The target of a symbolic link, read with readlink(2). Nil if there is no link or it cannot be read.
public func linkTarget(of path: [UInt8]) -> [UInt8]? {
  withUnsafeTemporaryAllocation(byteCount: Int(PATH_MAX), alignment: 1) { buffer in
    let target = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
    let count = (path + [0]).withUnsafeBytes { name in
      name.assumingMemoryBound(to: CChar.self).baseAddress.flatMap { name in
        target.map { readlink(name, $0, buffer.count) }
      }
    }
    guard let count, count > 0 else { return nil }
    return UnsafeRawBufferPointer(rebasing: buffer[..<count]).map { $0 }
  }
}
