internal import SystemCalls
internal import SystemPackage

/// Makes sure that descriptors 0, 1 and 2 are open, so that no file of duct gets one of these numbers.
///
/// Opens a closed one on /dev/null with close-on-exec, so the command finds it closed, as without duct.
enum StandardStreams {
  static func fill() {
    for number in CInt(0)...2 where !FileDescriptor(rawValue: number).isOpen {
      // open(2) takes the lowest free number, which is this one.
      _ = try? FileDescriptor.opening("/dev/null", .readWrite)
    }
  }
}
