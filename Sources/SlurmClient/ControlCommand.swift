internal import RecordText
internal import SlurmJobs

/// Asks about slurmctld and its nodes through `scontrol`.
enum ControlCommand {
  static func configuration(_ asking: SlurmCommands.Asking) throws(SlurmFailure) -> ClusterConfiguration {
    let output = try asking.output(of: "scontrol", ["show", "config"])
    var configuration = ClusterConfiguration()
    for line in String(escaping: output).split(separator: "\n") {
      guard let mark = line.firstIndex(of: "=") else { continue }
      let value = String(line[line.index(after: mark)...]).trimmed
      switch String(line[..<mark]).trimmed {
      case "ClusterName": configuration.clusterName = value
      case "SLURM_VERSION": configuration.controllerVersion = value
      case "TrackWCKey": configuration.tracksWckeys = ["Yes", "1"].contains(value)
      // `300 sec`.
      case "MinJobAge": configuration.minJobAge = CommandText.number(value).map { Int($0) }
      case "ProctrackType": configuration.processTracking = CommandText.value(value)
      case "JobAcctGatherType": configuration.usageGatherer = CommandText.value(value)
      case "JobAcctGatherFrequency": configuration.usageFrequency = CommandText.value(value)
      case "AccountingStorageType": configuration.accountingStorage = CommandText.value(value)
      default: break
      }
    }
    guard configuration.controllerVersion != nil else {
      throw SlurmFailure(.rubbish, "scontrol printed no configuration")
    }
    configuration.controllerIsUp = true
    return configuration
  }

  /// The host names of nodes, without a domain: up to 25.05, these are the values of %N in file names.
  ///
  /// - Returns: host names by node. If scontrol fails, none: the paths stay unknown, as before a job starts.
  static func hostNames(ofNodes nodes: [String], _ asking: SlurmCommands.Asking) -> [String: String] {
    guard !nodes.isEmpty,
      let output = try? asking.output(
        of: "scontrol", ["--oneliner", "show", "node", nodes.joined(separator: ",")])
    else { return [:] }
    var hosts: [String: String] = [:]
    for line in String(escaping: output).split(separator: "\n") {
      func value(_ name: String) -> Substring? {
        line.split { $0.isWhitespace }.lazy.compactMap { $0.hasPrefix(name) ? $0.dropFirst(name.count) : nil }
          .first
      }
      if let node = value("NodeName="), let host = value("NodeHostName=") {
        hosts[String(node)] = String(host.prefix { $0 != "." })
      }
    }
    return hosts
  }

  static func ping(_ asking: SlurmCommands.Asking) throws(SlurmFailure) -> ClusterConfiguration {
    // Prints one line per slurmctld: `Slurmctld(primary) at host is UP`.
    let output = try asking.output(of: "scontrol", ["ping"])
    var configuration = ClusterConfiguration()
    configuration.controllerIsUp = String(escaping: output).contains(" is UP")
    guard configuration.controllerIsUp else {
      throw SlurmFailure(.slurm, "scontrol: \(String(escaping: output).trimmed)")
    }
    return configuration
  }
}
