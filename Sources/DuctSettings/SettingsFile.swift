import Glibc
internal import RecordText
internal import ResilientIO
internal import SystemCalls
internal import SystemPackage

/// A .env file, which may lie where others can put files, and on a file system that hangs.
struct SettingsFile {
  enum Reading {
    case absent
    case bytes([UInt8])
    /// It is there and left out: why, behind its path.
    case leftOut(String)
  }

  /// Bytes.
  static let largest = 1 << 20
  /// Seconds that one may take, where its file system may hang.
  static let patience = 0.2

  var path: String
  /// Its place was named, and not found: whose it is does not matter then.
  ///
  /// That is so for an entry of $DUCT_CONFIG_PATHS that begins with `/` or `~`: who sets the environment can
  /// set everything else there too, and may keep settings with an account of the site's. A path that depends on
  /// the current directory is found there, and so are the default places.
  var isNamed: Bool

  /// Reads them all, in their order.
  ///
  /// On file systems of this host here and now; on others, which may hang, in a process of its own.
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

  /// What speaks against obeying it. Settings can send the output of the command elsewhere, and switch
  /// off what keeps secrets out of records.
  private func distrust(_ file: AsideFile) -> String? {
    if isNamed { return nil }
    guard file.owner == geteuid() || file.owner == 0 else {
      return "it belongs to user \(file.owner), and neither to you nor to root"
    }
    // With a umask of 002, usual where each user has a group of its own with the number of the user, the
    // group is nobody else.
    let isPrivateGroup = file.group == file.owner
    let writers = file.permissions & (isPrivateGroup ? 0o002 : 0o022)
    guard writers == 0 else {
      return "others may write to it (mode \(String(file.permissions, radix: 8))): chmod go-w \(path)"
    }
    return nil
  }
}
