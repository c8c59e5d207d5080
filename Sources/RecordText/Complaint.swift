internal import SystemCalls
internal import SystemPackage

/// One line on standard error, for programs that are about to end. Nobody can be told if that fails.
///
/// Here, and not beside the kernel calls: what is complained of may be a path of any bytes.
public func complain(_ text: String) {
  try? FileDescriptor.standardError.writeAll((text + "\n").originalBytes)
}
