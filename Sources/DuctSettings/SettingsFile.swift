import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A .env file. Others may be able to put files into its directory, and its file system may hang.
struct SettingsFile {
  enum Reading {
    case absent
    case bytes([UInt8])
    /// The file exists, and duct ignores it. The text says why; messages put it behind the path.
    case leftOut(String)
  }

  /// The largest size of a file that duct reads, in bytes.
  static let largest = 1 << 20
  /// How long reading may take on a file system that may hang, in seconds.
  static let patience = 0.2

  var path: String
  /// True if the user named the place of this file. Its owner does not matter then.
  ///
  /// That is the case for an entry of $DUCT_CONFIG_PATHS that starts with `/` or `~`. Whoever sets the environment can
  /// set all other variables too, and the site may keep settings under an account of its own. It is not the case for a
  /// path that depends on the current directory, nor for the default places.
  var isNamed: Bool

  /// Reads all files. The results have the order of the files.
  ///
  /// A child process reads the files on remote file systems, because these may hang.
  static func read(_ files: [SettingsFile]) -> [Reading] {
    var readings: [Reading] = []
    var aside: [Int] = []
    for (index, file) in files.enumerated() {
      let path = FilePath(escaped: file.path)
      let isRemote = Filesystem.kind(of: path) == .remote
      if isRemote { aside.append(index) }
      readings.append(isRemote ? .absent : file.reading(AsideFile.read(path, limit: largest)))
    }
    if aside.isEmpty { return readings }
    let found = AsideFile.readAside(
      aside.map { FilePath(escaped: files[$0].path) }, limit: largest, patience: patience)
    for (index, result) in zip(aside, found) { readings[index] = files[index].reading(result) }
    return readings
  }

  private func reading(_ result: AsideFile.Reading) -> Reading {
    switch result {
    case .success(let file):
      return distrust(file).map { .leftOut($0) } ?? .bytes(file.bytes)
    case .failure(.call(.noSuchFileOrDirectory)), .failure(.call(.notDirectory)),
      .failure(.call(.isDirectory)):
      return .absent
    case .failure(.call(let error)): return .leftOut("\(error.description) (\(error.name))")
    case .failure(.isNoFile): return .leftOut("it is no regular file")
    case .failure(.isTooLarge(let size)):
      return .leftOut("it has \(size) bytes, and \(Self.largest) are the most")
    case .failure(.hangs(let seconds)): return .leftOut("its file system does not answer within \(seconds) s")
    }
  }

  /// Why duct must not use the settings; nil if it may. Settings can redirect the output of the command, and can turn
  /// off the redaction of secrets.
  private func distrust(_ file: AsideFile) -> String? {
    if isNamed { return nil }
    guard file.owner == geteuid() || file.owner == 0 else {
      return "it belongs to user \(file.owner), and neither to you nor to root"
    }
    // Many sites give each user a private group with the number of the user, and a umask of 002. A file that is
    // writable for this group is not writable for others.
    let isPrivateGroup = file.group == file.owner
    let writers = file.permissions & (isPrivateGroup ? 0o002 : 0o022)
    guard writers == 0 else {
      return "others may write to it (mode \(String(file.permissions, radix: 8))): chmod go-w \(path)"
    }
    return nil
  }
}
