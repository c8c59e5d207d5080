internal import Glibc
public import SystemCalls
public import SystemPackage

/// A file of a record in a log directory that answers for sure.
public enum RecordFile {
  /// Creates one, with O_EXCL.
  ///
  /// - Parameter taking: whoever has that name loses it. A run that writes its own again in the same moment
  ///   does so no more than once or twice.
  public static func create(
    _ path: FilePath, taking: Bool
  ) throws(Errno) -> (FileDescriptor, FileIdentity) {
    var triesLeft = taking ? 3 : 0
    while true {
      let file: FileDescriptor
      do throws(Errno) {
        file = try FileCalls.open(path, .readWrite, [.create, .exclusiveCreate, .noFollow])
      } catch {
        guard error == .fileExists, triesLeft > 0 else { throw error }
        triesLeft -= 1
        try? FileCalls.unlink(path)
        continue
      }
      do throws(Errno) { return (file, try FileCalls.status(file)) } catch {
        file.closeQuietly()
        throw error
      }
    }
  }

  /// Removes the file that a note tells of, if it is still where the note says.
  ///
  /// - Parameters:
  ///   - path: its own name; it may be beside that.
  ///   - label: of the run.
  /// - Returns: whether it was there.
  @discardableResult
  public static func remove(_ path: FilePath, _ note: TargetNote, label: String) throws(IOFailure) -> Bool {
    let names = TargetNames(path: path, label: label)
    let link = note.link.map { names.path(.temporary($0)) }
    // Nobody has it open: where its number may have been given again, it must look as it was noted, or have the second
    // name that it was given for that.
    let linked = link.flatMap { try? FileCalls.status($0) }
    func isOurs(_ found: FileIdentity) -> Bool {
      found.isFile(noted: note.identity)
        || found.isSameFile(as: note.identity)
          && linked.map { $0.isSameFile(as: found) && $0.links > 1 } == true
    }
    let wasThere = try FileRemoval.remove(names.path(.place(note.name)), label: label, where: isOurs)
    if let link, let linked, linked.isSameFile(as: note.identity) {
      try FileRemoval.remove(link, label: label) { $0.isSameFile(as: linked) }
    }
    return wasThere
  }
}
