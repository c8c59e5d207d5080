internal import DuctRecords
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A word on the command line that selects runs with a folder in a spool: a run id, a run folder, a prefix, a
/// file of a run, or a log directory. Paths are compared by where they lead, not by their spelling.
struct RunWord {
  /// How a word fits a run. `byDirectoryAsked` is tried last, because it asks file systems that may hang.
  enum Fit { case exactly, byDirectory, byDirectoryAsked }

  private let text: String
  private let path: FilePath
  /// The directory of the word, and what follows it. `name` is empty if the word ends with a slash, as a prefix
  /// may.
  private let place: (directory: FilePath, name: [UInt8])

  init(_ text: String) {
    self.text = text
    path = Filesystem.resolved(FilePath(escaped: text))
    place = Self.place(text)
  }

  private static func place(_ text: String) -> (directory: FilePath, name: [UInt8]) {
    let bytes = text.originalBytes
    let slash = bytes.lastIndex(of: UInt8(ascii: "/"))
    let directory = slash.map { $0 == 0 ? [UInt8(ascii: "/")] : Array(bytes[..<$0]) } ?? [UInt8(ascii: ".")]
    return (
      Filesystem.resolved(FilePath(bytes: directory)), Array(bytes[(slash.map { $0 + 1 } ?? 0)...])
    )
  }

  /// The path of a run folder, resolved except for its last component. A link in place of a run folder does not
  /// count: the user who can create it there would decide which folder is used.
  private static func folder(_ path: FilePath) -> FilePath {
    Filesystem.resolved(path.parent).appending(bytes: path.nameBytes)
  }

  /// - Parameter folder: a run folder in a spool.
  func means(_ folder: FilePath, _ fit: Fit) -> Bool {
    if fit == .exactly, Self.folder(FilePath(escaped: text)) == Self.folder(folder) { return true }
    guard let manifest = RunManifest.read(folder) else { return false }
    switch fit {
    case .exactly:
      return manifest.runID == text
        || manifest.names.contains { place.name == $0.name && place.directory == $0.directory }
    case .byDirectory: return path == Filesystem.resolved(manifest.paths.directory)
    case .byDirectoryAsked:
      // The directory may lie behind a link on a remote file system, which `Filesystem.resolved` does not
      // follow. So compare identities.
      return manifest.names.contains { name in
        guard place.name == name.name, let ours = FileIdentity(at: place.directory) else { return false }
        return FileIdentity(at: name.directory)?.isSameFile(as: ours) ?? false
      }
    }
  }
}

extension RunManifest {
  /// The prefix and the files, each as its directory and its name there.
  fileprivate var names: [(directory: FilePath, name: [UInt8])] {
    let directory = Filesystem.resolved(paths.directory)
    return ([paths.prefix] + paths.all).map { path in
      let bytes = path.originalBytes
      return (directory, Array(bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]))
    }
  }
}
