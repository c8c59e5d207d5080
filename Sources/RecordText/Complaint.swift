internal import SystemCalls
internal import SystemPackage

/// One line on standard error, for programs that are about to end. Nobody can be told if that fails.
///
/// Here, and not beside the kernel calls: what is complained of may be a path of any bytes. It is shown as text.
public func complain(_ text: String) {
  try? FileDescriptor.standardError.writeAll(Array((text.forDisplay + "\n").utf8))
}
