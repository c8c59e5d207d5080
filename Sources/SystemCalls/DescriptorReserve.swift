internal import SystemPackage

/// Some descriptors that are held for later: what a process must do at its end shall not fail for want of them
/// (EMFILE), whatever it has opened in between.
public final class DescriptorReserve: Sendable {
  private let held: Monitor<[FileDescriptor]>

  /// Holds as many of `count` as can be had.
  public init(_ count: Int) {
    var descriptors: [FileDescriptor] = []
    while descriptors.count < count,
      let next = try? FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
    {
      descriptors.append(next)
    }
    held = Monitor(descriptors)
  }

  deinit { release() }

  /// Gives them back.
  public func release() {
    let descriptors = held.update { held in
      defer { held = [] }
      return held
    }
    for descriptor in descriptors { descriptor.closeQuietly() }
  }
}
