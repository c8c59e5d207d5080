internal import CSystemCalls

/// The arguments of this process as execve(2) passed them, the program's name first.
///
/// Swift reads its `CommandLine.arguments` from /proc/self/cmdline. Where /proc is missing or shows another pid
/// namespace, Swift has none, and duct could not run any command.
public var processArguments: [[UInt8]] {
  var arguments: [[UInt8]] = []
  var next = processArgumentVector
  while let argument = next?.pointee {
    arguments.append(bytes(ofCString: argument))
    next = next?.successor()
  }
  return arguments
}

/// The arguments as a NULL-terminated vector, as execve(2) expects it.
public var processArgumentVector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { duct_arguments() }

/// The path of this program as the caller passed it to execve(2); nil if not known. See getauxval(3).
public var executedPath: [UInt8]? { duct_executed_path().map { bytes(ofCString: $0) } }
