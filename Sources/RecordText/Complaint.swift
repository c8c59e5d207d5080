internal import SystemCalls
internal import SystemPackage

/// Writes one line to standard error, for programs that are about to end. Ignores a failed write, because there is
/// no other place to report it.
///
/// Part of RecordText rather than SystemCalls because the text may contain a path of arbitrary bytes, which
/// `forDisplay` makes safe to show.
public func complain(_ text: String) {
  try? FileDescriptor.standardError.writeAll(Array((text.forDisplay + "\n").utf8))
}
