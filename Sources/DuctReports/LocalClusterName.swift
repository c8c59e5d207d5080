public import DuctSettings
public import SlurmClient
internal import SlurmJobs
internal import SystemPackage

/// The cluster that Slurm's commands ask on this host without `--clusters`.
public enum LocalClusterName {
  /// From slurm.conf. If there is none that can be read, as on some hosts that fetch their configuration, from
  /// slurmctld.
  ///
  /// - Parameter limit: seconds to ask slurmctld.
  /// - Returns: in lower case, as in records; nil if it is not known.
  public static func find(_ surroundings: Surroundings, by: SlurmBy, limit: Double) -> String? {
    if let path = SlurmConfigurationFile.locate(environment: surroundings.environment),
      let file = try? SlurmConfigurationFile(reading: path), let name = file.clusterName
    {
      return name
    }
    let answer = try? SlurmInquiry(surroundings, by: by, limit: limit).ask(.configuration)
    return answer?.configuration?.clusterName?.lowercased()
  }
}
