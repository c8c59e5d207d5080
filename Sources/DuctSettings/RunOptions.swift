public import SlurmClient

/// What the command line of a run gave; nil where it said nothing.
public struct RunOptions: Sendable, Equatable {
  public var logLevel: LogLevel?
  public var quiet = false
  public var outputPrefix: String?
  public var summaryFormat: String?
  public var colors = false
  public var clobber = false
  public var sampleInterval: Double?
  public var reportInterval: Double?
  public var failTime: Double?
  public var captureOutputs: StreamSelection?
  public var outputs: StreamSelection?
  public var recordTypes: RecordTypes?
  public var message: String?
  public var mode: SessionMode?
  public var slurm: SlurmMode?
  public var slurmBy: SlurmBy?
  public var slurmTag: SlurmTagMode?
  public var slurmTimeout: Double?
  public var slurmDetect: String?
  public var waitJobs = false
  public var campaign: String?
  public var finalizeTimeout: Double?
  public var localFirst: LocalFirst?
  public var spoolDirectory: String?
  public var spoolLimit: ByteCount?
  public var redact: [String] = []
  public var redactSecrets: SecretRedaction?
  /// The command and its arguments, byte for byte.
  public var command: [[UInt8]] = []

  public init() {}
}
