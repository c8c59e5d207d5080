/// What the page remembers of a file in the log directory.
public struct TargetNote: Sendable, Equatable {
  public var identity: FileIdentity
  /// 0: the file has its own name; n: the nth alternative name.
  public var name: Int
  /// The number of an additional temporary name (a hard link), where the identity alone is not certain. While that
  /// name exists, the file system gives the inode number to no other file.
  public var link: Int?

  public init(identity: FileIdentity, name: Int, link: Int? = nil) {
    self.identity = identity
    self.name = name
    self.link = link
  }
}
