public import SystemCalls

/// What of this host a sampler can read, for `con-duct doctor`.
public enum SamplingFacilities {
  /// The version of the control groups whose limits hold for this process; nil if there are none to read.
  public static var controlGroupVersion: Int? {
    let groups = ControlGroups(ProcFiles())
    return groups.places.isEmpty ? nil : groups.isUnified ? 2 : 1
  }

  /// The number of GPUs that NVIDIA's library shows. Blocks for as long as the driver does.
  ///
  /// - Throws: why there is no answer; without a driver, too.
  public static func gpus() throws(Problem) -> Int {
    let library = try ManagementLibrary()
    defer { library.close() }
    return library.devices.count
  }
}
