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
    let places = Self.places(environment)
    duct = OwnProgram.executable
    relay = OwnProgram.helper(Self.locate("duct-relay", places))
    slurm = OwnProgram.helper(Self.locate("duct-slurm", places))
  }

  /// The program that fills in templates of pages. A run does not need it.
  public static func template(environment: [String: String]) -> FilePath {
    OwnProgram.helper(locate("duct-template", places(environment)))
  }

  private static func places(_ environment: [String: String]) -> [FilePath] {
    if let place = environment["DUCT_LIBEXEC_DIR"], !place.isEmpty { return [FilePath(escaped: place)] }
    let own = OwnProgram.path.parent
    return [FilePath(bytes: own.parent.bytes + Array("/libexec/duct".utf8)), own]
  }

  private static func locate(_ name: String, _ places: [FilePath]) -> FilePath {
    let candidates = places.map { FilePath(bytes: $0.bytes + Array("/\(name)".utf8)) }
    return candidates.first { path in path.withPlatformString { access($0, X_OK) } == 0 }
      ?? candidates.last ?? FilePath(name)
  }
}
