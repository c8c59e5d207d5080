public import SystemPackage

extension FilePath {
  /// Makes a path from bytes. The path ends at the first NUL.
  public init(bytes: [UInt8]) {
    self = (bytes + [0]).withUnsafeBytes { buffer in
      buffer.assumingMemoryBound(to: CChar.self).baseAddress.map { FilePath(platformString: $0) }
        ?? FilePath()
    }
  }

  public var bytes: [UInt8] { withPlatformString { SystemCalls.bytes(ofCString: $0) } }

  /// The directory that contains the path's last component; `.` if the path has only one component.
  ///
  /// Works on bytes: `removingLastComponent` looks up generic types at run time, which delays the start noticeably.
  public var parent: FilePath {
    let bytes = self.bytes
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : FilePath(bytes: Array(bytes[..<slash]))
  }
}

extension FilePath {
  /// The path of an entry of this directory.
  public func appending(bytes name: [UInt8]) -> FilePath {
    let own = bytes
    return FilePath(bytes: own + (own.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + name)
  }

  public func appending(name: String) -> FilePath { appending(bytes: Array(name.utf8)) }

  /// The last component's bytes.
  public var nameBytes: [UInt8] { bytes.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? [] }
}
