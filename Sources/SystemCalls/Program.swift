public import CSystemCalls
import Glibc
public import SystemPackage

/// A program to start, and what it inherits.
public struct Program: Sendable {
  /// Where a descriptor of the new program comes from.
  public enum Source: Sendable {
    case inherited
    case closed
    case duplicate(of: FileDescriptor)
  }

  /// A path, or a name to look up in PATH. Any bytes except NUL.
  public var path: [UInt8]
  public var searchesPath = false
  /// argv; the first entry is the name of the program.
  public var arguments: [[UInt8]]
  /// `NAME=value` entries; nil passes on the environment of this process.
  public var environment: [[UInt8]]?
  /// The sources of descriptors 0, 1, 2 and so on.
  public var descriptors: [Source] = []
  /// Closes every descriptor behind `descriptors`. Needs glibc 2.34; with an older one, inheritable descriptors
  /// stay open.
  public var closesOthers = false
  public var startsSession = false
  public var signalMask = SignalSet()

  public init(path: [UInt8], arguments: [[UInt8]]) {
    self.path = path
    self.arguments = arguments
  }

  /// Starts the program and returns once it runs. Signals that this process ignores stay ignored in the program,
  /// all others have their default action.
  ///
  /// - Throws: also the error of execve(2), for example ENOENT.
  public func start() throws(Errno) -> pid_t {
    let path = CStrings([self.path])
    let arguments = CStrings(self.arguments)
    let environment = self.environment.map(CStrings.init)
    let sources = descriptors.map { source -> CInt in
      switch source {
      case .inherited: DUCT_SPAWN_INHERIT
      case .closed: DUCT_SPAWN_CLOSED
      case .duplicate(let descriptor): descriptor.rawValue
      }
    }
    var mask = signalMask.raw
    var pid: pid_t = 0
    let result = sources.withUnsafeBufferPointer { sources in
      withUnsafePointer(to: &mask) { mask in
        var request = duct_spawn_request()
        request.path = UnsafePointer(path.pointers[0])
        request.search_path = searchesPath
        request.argv = UnsafePointer(arguments.pointers.baseAddress)
        request.envp =
          environment.map { UnsafePointer($0.pointers.baseAddress) }
          ?? UnsafePointer(duct_environment())
        request.descriptors = sources.baseAddress
        request.descriptor_count = CInt(sources.count)
        request.close_others = closesOthers
        request.new_session = startsSession
        request.mask = mask
        return withExtendedLifetime((path, arguments, environment)) {
          duct_spawn(&request, &pid)
        }
      }
    }
    try throwIfErrno(result)
    return pid
  }
}

/// A NULL-terminated array of C strings, as execve(2) takes it.
private final class CStrings {
  let pointers: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>

  init(_ strings: [[UInt8]]) {
    pointers = .allocate(capacity: strings.count + 1)
    pointers.initialize(repeating: nil)
    for (index, bytes) in strings.enumerated() {
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
      for (offset, byte) in bytes.enumerated() { copy[offset] = CChar(bitPattern: byte) }
      copy[bytes.count] = 0
      pointers[index] = copy
    }
  }

  deinit {
    for pointer in pointers { pointer?.deallocate() }
    pointers.deallocate()
  }
}

/// The environment of this process as unchanged `NAME=value` entries.
public func environmentEntries() -> [[UInt8]] {
  guard var entry = duct_environment() else { return [] }
  var entries: [[UInt8]] = []
  while let string = entry.pointee {
    entries.append(bytes(ofCString: string))
    entry += 1
  }
  return entries
}

/// The bytes of a C string, without its NUL.
public func bytes(ofCString string: UnsafePointer<CChar>) -> [UInt8] {
  UnsafeRawBufferPointer(start: string, count: strlen(string)).map { $0 }
}
