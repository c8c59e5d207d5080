internal import CSlurm
import Glibc
internal import RecordText
internal import SlurmJobs
internal import SystemCalls

/// The cluster that this host belongs to. Without it, accounting would search the jobs of all clusters.
enum LocalCluster {
  static let name: String? = fromFile() ?? fromController()

  private static func fromFile() -> String? {
    var environment: [String: String] = [:]
    if let path = getenv("SLURM_CONF") { environment["SLURM_CONF"] = String(cString: path) }
    guard let path = SlurmConfigurationFile.locate(environment: environment) else { return nil }
    return try? SlurmConfigurationFile(reading: path).clusterName
  }

  private static func fromController() -> String? {
    try? ControllerQueries.configuration().configuration?.clusterName
  }
}

/// The login name of a user, from the host's name service.
func userName(_ uid: UInt32) -> String? {
  UserAccount(uid: uid).map { String(escaping: $0.name) }
}
