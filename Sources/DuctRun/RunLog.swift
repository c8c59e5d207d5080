internal import DuctSettings
internal import Logging
internal import RecordText
internal import SystemCalls

/// Writes log lines in con-duct's form: `2026-11-24T16:56:00+0100 [INFO    ] con-duct: …`.
struct RunLogHandler: LogHandler {
  static let label = "con-duct"

  let writer: StandardErrorWriter
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Metadata key that marks a message as safe for a terminal as it is, including its line breaks and colors.
  fileprivate static let preparedKey = "prepared"

  func log(event: LogEvent) {
    let text = event.message.description
    let isPrepared = event.metadata?[Self.preparedKey] != nil
    writer.write(Self.line(event.level, isPrepared ? text : text.forDisplay))
  }

  static func line(_ level: Logger.Level, _ message: String) -> String {
    let name =
      switch level {
      case .trace, .debug: "DEBUG"
      case .info, .notice: "INFO"
      case .warning: "WARNING"
      case .error: "ERROR"
      case .critical: "CRITICAL"
      }
    let padded = name.padding(to: 8)
    return "\(WallTime.now.text(format: "%Y-%m-%dT%H:%M:%S%z")) [\(padded)] \(label): \(message)\n"
  }
}

extension Logger {
  /// Logs a text that may have several lines and colors. The caller must have escaped what comes from others, such
  /// as file names.
  func info(prepared text: String) {
    info("\(text)", metadata: [RunLogHandler.preparedKey: "yes"])
  }

  init(level: LogLevel, writer: StandardErrorWriter) {
    self.init(label: RunLogHandler.label) { _ in
      switch level {
      // There is no level above the highest, so use a handler that writes nothing.
      case .none: SwiftLogNoOpLogHandler()
      case .critical: RunLogHandler(writer: writer, logLevel: .critical)
      case .error: RunLogHandler(writer: writer, logLevel: .error)
      case .warning: RunLogHandler(writer: writer, logLevel: .warning)
      case .info: RunLogHandler(writer: writer, logLevel: .info)
      case .debug: RunLogHandler(writer: writer, logLevel: .debug)
      }
    }
  }
}

extension String {
  /// Pads the text with spaces on the right, up to a width in characters.
  func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
