internal import RecordText
internal import SystemCalls

/// A file system that is mounted here, from the mount table.
public struct MountedFilesystem: Sendable, Equatable {
  public var kind: Filesystem
  /// For example `ext4`, `nfs4`.
  public var type: String
  /// Where it is mounted.
  public var point: String
  /// What is mounted, such as a device or `server:/export`.
  public var source: String
  /// The directory in the file system that is visible at `point`.
  public var root: String
  /// The options of the mount and of the file system.
  public var options: [String]

  public init(
    kind: Filesystem, type: String, point: String, source: String = "none", root: String = "/",
    options: [String] = []
  ) {
    self.kind = kind
    self.type = type
    self.point = point
    self.source = source
    self.root = root
    self.options = options
  }

  init(_ mount: MountInfo, _ kind: Filesystem) {
    let comma = UInt8(ascii: ",")
    var options: [String] = []
    for option in mount.options.split(separator: comma) + mount.superOptions.split(separator: comma) {
      let text = String(escaping: option)
      if !options.contains(text) { options.append(text) }
    }
    self.init(
      kind: kind, type: String(escaping: mount.type), point: String(escaping: mount.point),
      source: String(escaping: mount.source), root: String(escaping: mount.root), options: options)
  }

  /// The value of an option such as `sec=krb5p`; nil if the mount does not have it.
  public func value(of option: String) -> String? {
    options.last { $0.hasPrefix(option + "=") }.map { String($0.dropFirst(option.utf8.count + 1)) }
  }

  /// Whether access needs a Kerberos ticket: `sec=krb5`, `krb5i` or `krb5p`.
  public var usesKerberos: Bool { value(of: "sec")?.hasPrefix("krb5") == true }

  /// Whether its contents are in memory, so that they are lost when the host restarts.
  public var isInMemory: Bool { ["tmpfs", "ramfs", "rootfs"].contains(type) }
}
