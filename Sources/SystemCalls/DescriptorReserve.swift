internal import SystemPackage

/// Descriptors held in reserve. Released at the end of a process, they let its last steps succeed even if it has
/// used up all its other descriptors (EMFILE).
public final class DescriptorReserve: Sendable {
  private let held: Monitor<[FileDescriptor]>

  /// Opens up to `count` descriptors, fewer if the limit of the process is reached.
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

  /// Closes the held descriptors, so that others can be opened.
  public func release() {
    let descriptors = held.update { held in
      defer { held = [] }
      return held
    }
    for descriptor in descriptors { descriptor.closeQuietly() }
  }
}
