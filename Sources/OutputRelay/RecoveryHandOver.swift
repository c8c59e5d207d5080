internal import CSystemCalls
internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// The last step of a relay, after the pipes and duct have ended: if duct was killed, the relay finishes the run
/// in its place.
public struct RecoveryHandOver {
  private let parts: RelayPlacement.Parts

  public init(_ parts: RelayPlacement.Parts) { self.parts = parts }

  /// Executes `duct recover` in place of this process, for the spool folder of the run. Does nothing if duct has
  /// ended normally. The new program inherits the lock of the folder.
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
    // If the log file has lost its name in the meantime, this descriptor is the only way to read it.
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
