import Glibc
import SystemCalls
public import SystemPackage

/// A recorded tree of /proc and cgroups, unpacked into a folder of the test.
///
/// Tests/ProcessSamplingTests/Trees/README.md has the format, and how to record one.
public struct RecordedTree: Sendable {
  private let sandbox: Sandbox

  /// The folder that contains `proc` and `sys`.
  public var root: FilePath { sandbox.path }

  /// Unpacks `Tests/ProcessSamplingTests/Trees/NAME.txt`.
  public init(_ name: String, in sandbox: Sandbox) throws {
    self.sandbox = sandbox
    try makeFolder("proc")
    let file = Documentation.project.appending("Tests/ProcessSamplingTests/Trees/\(name).txt")
    let marker = Array("=== ".utf8)
    var path: String?
    var contents: [UInt8] = []
    for line in try readAll(file).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.starts(with: marker) {
        if let path { try write(Self.decoded(contents), to: path) }
        path = String(decoding: line.dropFirst(marker.count), as: UTF8.self)
        contents = []
      } else {
        contents += line + [UInt8(ascii: "\n")]
      }
    }
    // The split has an empty line after the last newline.
    if let path { try write(Self.decoded(contents.dropLast()), to: path) }
  }

  private static func decoded(_ text: some Sequence<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if !isEscaped, byte == UInt8(ascii: "\\") {
        isEscaped = true
        continue
      }
      switch (isEscaped, byte) {
      case (true, UInt8(ascii: "0")): bytes.append(0)
      case (true, UInt8(ascii: "\n")): break
      default: bytes.append(byte)
      }
      isEscaped = false
    }
    return bytes
  }

  /// Writes or overwrites a file, such as `proc/7/stat`.
  public func write(_ bytes: [UInt8], to path: String) throws {
    if let slash = path.lastIndex(of: "/") { try makeFolder(String(path[..<slash])) }
    try sandbox.write(bytes, to: path)
  }

  public func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }

  public func text(_ path: String) throws -> String { try sandbox.text(path) }

  public func remove(_ path: String) throws {
    try valueOrErrno { sandbox[path].withPlatformString { unlink($0) } }
  }

  /// Removes a process, as if it had exited.
  public func removeProcess(_ pid: Int32) throws {
    for name in sandbox.names("proc/\(pid)") { try remove("proc/\(pid)/\(name)") }
    try valueOrErrno { sandbox["proc/\(pid)"].withPlatformString { rmdir($0) } }
  }

  private func makeFolder(_ path: String) throws {
    var name = ""
    for part in path.split(separator: "/") {
      name += (name.isEmpty ? "" : "/") + part
      if !sandbox.exists(name) { try sandbox.makeDirectory(name) }
    }
  }
}
