import ArgumentParser
import DuctReports
import DuctSettings
import SystemCalls

extension RunListing.Format: ExpressibleByArgument {}

/// `con-duct ls`.
struct ListSubcommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List runs.",
    discussion: "Fields: \(RunListing.fields.sorted().joined(separator: ", ")).")

  @Option(
    name: [.short, .long],
    help: "auto or table (columns), summaries (a block for each run), json, or json_pp (indented).")
  var format: RunListing.Format = .auto

  @Option(
    name: [.customShort("F"), .long], parsing: .upToNextOption,
    help: ArgumentHelp("Fields to show in addition to the prefix. A -- ends the list.", valueName: "field"))
  var fields: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Fields to sort by; a later one decides if the earlier ones are equal.", valueName: "field"))
  var sortBy: [String] = []

  @Flag(help: "Reverse the order.")
  var reverse = false

  @Flag(help: "Use colors in summaries. (environment: DUCT_COLORS)")
  var colors = false

  @Flag(help: "Show each task of a step in a row of its own, as json does.")
  var tasks = false

  @Argument(help: ArgumentHelp(RecordArguments.help, valueName: "path"))
  var paths: [String] = []

  func validate() throws {
    for field in fields + sortBy where !RunListing.fields.contains(field) {
      let known = RunListing.fields.sorted()
      let advice =
        Suggestion.nearest(to: field, among: known).map { "did you mean '\($0)'? Known" } ?? "known"
      throw ValidationError("there is no field '\(field)'; \(advice) are: \(known.joined(separator: ", "))")
    }
  }

  func run() throws {
    let surroundings = Surroundings()
    let fields = fields.isEmpty ? RunListing.defaultFields : fields
    let finder = RecordArguments.find(
      paths, surroundings, fields: Set(fields + sortBy + RunListing.hiddenFields))
    let listing = RunListing(
      finder.runs, fields: fields, sortBy: sortBy, isReversed: reverse,
      foldsSteps: !tasks && ![.json, .jsonPretty].contains(format))
    let hasColors = try RunSettings.colors(colors, surroundings)
    try show(listing.text(format, colors: hasColors, width: terminalWidth))
    guard finder.runs.isEmpty else { return }
    if !finder.problems.isEmpty { throw ExitCode(1) }
    tell("there are no records here; name some")
  }
}
