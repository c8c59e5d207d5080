internal import SystemCalls
internal import SystemPackage

/// Makes sure that descriptors 0, 1 and 2 are open, so that no file of duct's gets one of these numbers.
///
/// One that was closed is put on /dev/null, close-on-exec: the command finds it closed as before.
enum StandardStreams {
  static func fill() {
    for number in CInt(0)...2 where !FileDescriptor(rawValue: number).isOpen {
      // The lowest free number is taken: this one.
      _ = try? FileDescriptor.opening("/dev/null", .readWrite)
    }
  }
}
