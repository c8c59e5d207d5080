import Glibc
internal import RecordText
internal import SystemCalls
public import SystemPackage

/// The paths of the programs that duct starts.
///
/// They are in `$DUCT_LIBEXEC_DIR`, in the `libexec/duct` of the installation, or beside duct's own executable, as in a
/// build folder.
public struct HelperPrograms: Sendable {
  public let relay: FilePath
  public let slurm: FilePath
  /// duct's own executable.
  public let duct: FilePath

  public init(environment: [String: String]) {
    var places: [FilePath] = []
    if let place = environment["DUCT_LIBEXEC_DIR"], !place.isEmpty { places = [FilePath(escaped: place)] }
    if places.isEmpty, case let own = OwnProgram.path.parent {
      places = [FilePath(bytes: own.parent.bytes + Array("/libexec/duct".utf8)), own]
    }
    func locate(_ name: String) -> FilePath {
      let candidates = places.map { FilePath(bytes: $0.bytes + Array("/\(name)".utf8)) }
      return candidates.first { path in path.withPlatformString { access($0, X_OK) } == 0 }
        ?? candidates.last ?? FilePath(name)
    }
    duct = OwnProgram.executable
    relay = OwnProgram.helper(locate("duct-relay"))
    slurm = OwnProgram.helper(locate("duct-slurm"))
  }
}
