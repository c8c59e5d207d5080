import ArgumentParser
import DuctSettings

/// The options of a run that also concern processes that duct has not started. See `RunArguments`.
struct AttachArguments: ParsableArguments, CustomReflectable {
  private(set) var options = RunOptions()

  private static let names: Set<String> = [
    "--log-level", "--quiet", "--summary-format", "--colors", "--output-prefix", "--clobber",
    "--record-types",
    "--message", "--campaign", "--sample-interval", "--report-interval", "--local-first", "--spool-dir",
    "--finalize-timeout", "--redact", "--redact-secrets",
  ]
  private static let indices = RunOption.all.indices.filter { names.contains(RunOption.all[$0].name) }
  private static let declarations: [(label: String, value: any Sendable)] = indices.map {
    (RunOption.all[$0].name, RunOption.all[$0].declaration)
  }

  init() {}

  init(from decoder: any Decoder) throws {
    options = try RunOptions(Self.indices, decoder.container(keyedBy: OptionKey.self))
  }

  var customMirror: Mirror {
    Mirror(
      self, children: Self.declarations.map { (label: $0.label, value: $0.value as Any) },
      displayStyle: .struct)
  }
}
