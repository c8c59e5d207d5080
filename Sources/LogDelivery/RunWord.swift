internal import DuctRecords
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A word by which a command line means runs that have a folder in a spool: a run's id or folder, its prefix or one of its
/// files, or its log directory. Paths are compared by where they lead, and not as they are spelled.
struct RunWord {
  /// How well a word fits a run.
  enum Fit { case exactly, byDirectory, byDirectoryAsked }

  private let text: String
  private let path: FilePath
  /// The directory and the last name of what is meant: a prefix may end with the directory.
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

  /// A folder of a run is none by a link: whoever may put one there would say what is obeyed.
  private static func folder(_ path: FilePath) -> FilePath {
    Filesystem.resolved(path.parent).appending(bytes: path.nameBytes)
  }

  /// - Parameter folder: of a run in a spool.
  func means(_ folder: FilePath, _ fit: Fit) -> Bool {
    if fit == .exactly, Self.folder(FilePath(escaped: text)) == Self.folder(folder) { return true }
    guard let manifest = RunManifest.read(folder) else { return false }
    switch fit {
    case .exactly:
      return manifest.runID == text
        || manifest.names.contains { place.name == $0.name && place.directory == $0.directory }
    case .byDirectory: return path == Filesystem.resolved(manifest.paths.directory)
    case .byDirectoryAsked:
      // A link that lies on a file system that is not local: nobody has followed it yet.
      return manifest.names.contains { name in
        guard place.name == name.name, let ours = FileIdentity(at: place.directory) else { return false }
        return FileIdentity(at: name.directory)?.isSameFile(as: ours) ?? false
      }
    }
  }
}

extension RunManifest {
  /// The prefix and the files, each as a directory and what is in it.
  fileprivate var names: [(directory: FilePath, name: [UInt8])] {
    let directory = Filesystem.resolved(paths.directory)
    return ([paths.prefix] + paths.all).map { path in
      let bytes = path.originalBytes
      return (directory, Array(bytes[(bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0)...]))
    }
  }
}
