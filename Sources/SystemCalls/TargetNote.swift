/// What is remembered of a file in the log directory.
public struct TargetNote: Sendable, Equatable {
  public var identity: FileIdentity
  /// 0: it has its own name; n: the nth name beside that.
  public var name: Int
  /// The number of a temporary name that it has as well, where its identity alone would not be certain: while it has
  /// that, no other file gets its inode's number.
  public var link: Int?

  public init(identity: FileIdentity, name: Int, link: Int? = nil) {
    self.identity = identity
    self.name = name
    self.link = link
  }
}
