internal import CSystemCalls
internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// What a relay does when the pipes have ended and duct has gone: it finishes the run in duct's place, if
/// that was killed.
public struct RecoveryHandOver {
  private let parts: RelayPlacement.Parts

  public init(_ parts: RelayPlacement.Parts) { self.parts = parts }

  /// Becomes `duct recover` for the spool of the run, unless duct has ended as it should. The lock of the
  /// spool goes on with it.
  public func perform(duct: String, spool: String) {
    switch parts.status.ending {
    case .done, .told: return
    case .none, .leftToRelay, .removed: break
    }
    var path = duct
    if let program = parts.program {
      _ = duct_set_inherited(program.rawValue, true)
      path = "/proc/self/fd/\(program.rawValue)"
    }
    var arguments = ["con-duct", "recover", "--inherited"]
    if let lock = parts.lock {
      _ = duct_set_inherited(lock.rawValue, true)
      arguments += ["--lock", "\(lock.rawValue)"]
    }
    // A log file that has lost its name meanwhile is to be read by nothing else.
    for (name, stores) in zip(["--stdout-log", "--stderr-log"], parts.stores) {
      guard let file = stores?[.log] else { continue }
      _ = duct_set_inherited(file.rawValue, true)
      arguments += [name, "\(file.rawValue)"]
    }
    arguments.append(spool)
    var pointers = arguments.map { strdup($0) }
    pointers.append(nil)
    execv(path, pointers)
  }
}
