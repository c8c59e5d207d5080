public import SlurmClient

extension SlurmInquiry {
  /// Asks Slurm through the helper of this installation and through the commands in PATH.
  ///
  /// - Parameter limit: seconds from now, for all questions.
  public init(_ surroundings: Surroundings, by: SlurmBy, limit: Double) {
    self.init(
      by: by, helper: HelperPrograms(environment: surroundings.environment).slurm,
      entries: surroundings.entries, environment: surroundings.environment, limit: limit)
  }
}
