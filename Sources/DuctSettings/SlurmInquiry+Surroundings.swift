public import SlurmClient

extension SlurmInquiry {
  /// Slurm as this process finds it: by the helper of this installation, and by the commands in its PATH.
  ///
  /// - Parameter limit: seconds from now, for all questions.
  public init(_ surroundings: Surroundings, by: SlurmBy, limit: Double) {
    self.init(
      by: by, helper: HelperPrograms(environment: surroundings.environment).slurm,
      entries: surroundings.entries, environment: surroundings.environment, limit: limit)
  }
}
