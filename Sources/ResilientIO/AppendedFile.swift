import Glibc
internal import SystemCalls
internal import SystemPackage

/// A file that grows by whole records, with the length that is proven to be on disk.
///
/// The position is our own: a descriptor that has gone stale could not be asked for it. What no fsync
/// has covered is kept and written again after a failure, from the proven length on.
struct AppendedFile {
  let path: FilePath
  private(set) var proven = 0
  private(set) var pending: [UInt8] = []
  private var descriptor: FileDescriptor?

  init(path: FilePath) { self.path = path }

  mutating func add(contentsOf records: [[UInt8]]) {
    for record in records { pending.append(contentsOf: record) }
  }

  /// Writes what is pending, and proves it with fsync. After an error the descriptor is given up.
  mutating func publish() throws(IOFailure) {
    if pending.isEmpty { return }
    do throws(IOFailure) {
      let file = try opened()
      try attempt("write", path) { () throws(Errno) in try file.writeAll(pending, at: proven) }
      try attempt("fsync", path) { () throws(Errno) in try valueOrErrno { fsync(file.rawValue) } }
    } catch {
      close()
      throw error
    }
    proven += pending.count
    pending.removeAll(keepingCapacity: pending.count < 1 << 16)
  }

  private mutating func opened() throws(IOFailure) -> FileDescriptor {
    if let descriptor { return descriptor }
    let file = try attempt("open", path) { () throws(Errno) in
      try FileDescriptor.opening(path, .writeOnly, options: .create)
    }
    do throws(IOFailure) {
      try attempt("truncate", path) { () throws(Errno) in
        _ = try valueOrErrno { ftruncate(file.rawValue, proven) }
      }
    } catch {
      file.closeQuietly()
      throw error
    }
    descriptor = file
    return file
  }

  mutating func close() {
    descriptor?.closeQuietly()
    descriptor = nil
  }
}
