internal import CSystemCalls

/// The arguments of this process, the program's name first, as execve(2) gave them.
///
/// Swift reads its own from /proc/self/cmdline: where /proc is missing, or shows another pid namespace, it has none, and
/// no command could be run.
public var processArguments: [[UInt8]] {
  var arguments: [[UInt8]] = []
  var next = processArgumentVector
  while let argument = next?.pointee {
    arguments.append(bytes(ofCString: argument))
    next = next?.successor()
  }
  return arguments
}

/// The same for execve(2).
public var processArgumentVector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { duct_arguments() }

/// What this process executes, as it was named to execve(2); nil if not known. See getauxval(3).
public var executedPath: [UInt8]? { duct_executed_path().map { bytes(ofCString: $0) } }
